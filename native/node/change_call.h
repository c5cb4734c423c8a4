// A change of a password that JavaScript starts with changePassword().

#ifndef KPASS_CHANGE_CALL_H_
#define KPASS_CHANGE_CALL_H_

#include <memory>
#include <string>

#include "kerberos/password_change.h"
#include "node/mailbox.h"

namespace kpass {

class ChangeCall : public Call {
 public:
  ChangeCall(uint32_t id, std::chrono::milliseconds timeout, Ref<Pool> pool,
             Ref<Mailbox> mailbox, Ref<Settings> settings, std::string user,
             Secret old_password, Secret new_password);

  void Run(KeptContext& kept) override;
  void Abandon() override;

  void TellJavaScript(const Napi::Function& on_settled) const override;
  Napi::Value Abandoned(Napi::Env env) const override;

 private:
  PasswordChange change_;
  std::unique_ptr<Outcome> outcome_;  // null: memory ran out
  Asked asked_;                       // empty until Abandon()
};

}  // namespace kpass

#endif  // KPASS_CHANGE_CALL_H_
