// An accept as JavaScript's accept() asks for it.

#ifndef KPASS_ACCEPT_CALL_H_
#define KPASS_ACCEPT_CALL_H_

#include <memory>
#include <optional>
#include <string>

#include "kerberos/acceptor.h"
#include "node/mailbox.h"

namespace kpass {

class AcceptCall : public Call {
 public:
  AcceptCall(uint32_t id, std::chrono::milliseconds timeout, Ref<Pool> pool,
             Ref<Mailbox> mailbox, Ref<AcceptorSettings> settings,
             std::string token, std::optional<std::string> bindings);

  void Run(KeptContext& kept) override;
  void Abandon() override {}  // an accept waits for nobody

  void TellJavaScript(const Napi::Function& on_settled) const override;
  Napi::Value Abandoned(Napi::Env env) const override;

 private:
  const Ref<AcceptorSettings> settings_;
  const std::string token_;
  const std::optional<std::string> bindings_;
  std::unique_ptr<Acceptance> acceptance_;  // null: memory ran out
};

}  // namespace kpass

#endif  // KPASS_ACCEPT_CALL_H_
