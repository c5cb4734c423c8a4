#include "node/change_call.h"

#include <utility>

#include "node/values.h"
#include "node/verification_call.h"

namespace kpass {
namespace {

// { service, realms, kdcs, trace, passwordServers, sent }.
Napi::Object ChangeRecordOf(Napi::Env env, const Asked& asked) {
  Napi::Object record = RecordOf(env, asked);
  record.Set("passwordServers", ListOf(env, asked.password_servers));
  record.Set("sent", asked.sent);
  return record;
}

}  // namespace

ChangeCall::ChangeCall(uint32_t id, std::chrono::milliseconds timeout,
                       Ref<Pool> pool, Ref<Mailbox> mailbox,
                       Ref<Settings> settings, std::string user,
                       Secret old_password, Secret new_password)
    : Call(id, timeout, std::move(pool), std::move(mailbox)),
      change_(std::move(settings), std::move(user), std::move(old_password),
              std::move(new_password)) {}

void ChangeCall::Run(KeptContext& kept) {
  outcome_ = std::make_unique<Outcome>(change_.Run(kept));
}

void ChangeCall::Abandon() { asked_ = change_.Abandon(); }

// In the order of NativeChange in lib/binding.ts.
void ChangeCall::TellJavaScript(const Napi::Function& on_settled) const {
  const Napi::Env env = on_settled.Env();
  const auto number = [env](double n) { return Napi::Number::New(env, n); };
  const auto text = [env](const auto& t) { return Napi::String::New(env, t); };
  const auto flag = [env](bool f) { return Napi::Boolean::New(env, f); };
  const Outcome out_of_memory = OutOfMemory<Outcome>();
  const Outcome& outcome = outcome_ ? *outcome_ : out_of_memory;
  on_settled.Call({number(id), flag(outcome.verified), text(outcome.step),
                   number(outcome.code), text(outcome.message),
                   text(outcome.principal), text(outcome.realm),
                   text(outcome.keytab), flag(outcome.keytab_exposed),
                   flag(outcome.armored), ChangeRecordOf(env, outcome.asked)});
}

Napi::Value ChangeCall::Abandoned(Napi::Env env) const {
  return ChangeRecordOf(env, asked_);
}

}  // namespace kpass
