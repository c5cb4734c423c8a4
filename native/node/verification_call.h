// A verification that JavaScript starts with submit().

#ifndef KPASS_VERIFICATION_CALL_H_
#define KPASS_VERIFICATION_CALL_H_

#include <memory>
#include <string>

#include "kerberos/verification.h"
#include "node/mailbox.h"

namespace kpass {

class VerificationCall : public Call {
 public:
  VerificationCall(uint32_t id, std::chrono::milliseconds timeout,
                   Ref<Pool> pool, Ref<Mailbox> mailbox, Ref<Settings> settings,
                   std::string user, Secret password, Secret token);

  void Run(KeptContext& kept) override;
  void Abandon() override;

  void TellJavaScript(const Napi::Function& on_settled) const override;
  Napi::Value Abandoned(Napi::Env env) const override;

 private:
  Verification verification_;
  std::unique_ptr<Outcome> outcome_;  // null: memory ran out
  Asked asked_;                       // empty until Abandon()
};

// { service, realms, kdcs, trace }.
Napi::Object RecordOf(Napi::Env env, const Asked& asked);

}  // namespace kpass

#endif  // KPASS_VERIFICATION_CALL_H_
