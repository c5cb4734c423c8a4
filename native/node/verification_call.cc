#include "node/verification_call.h"

#include <errno.h>

#include <utility>

#include "node/values.h"

namespace kpass {
namespace {

Outcome OutOfMemory() {
  Outcome outcome;
  outcome.step = "malloc";
  outcome.code = ENOMEM;
  return outcome;
}

}  // namespace

VerificationCall::VerificationCall(uint32_t id,
                                   std::chrono::milliseconds timeout,
                                   Ref<Pool> pool, Ref<Mailbox> mailbox,
                                   Ref<Settings> settings, std::string user,
                                   Secret password, Secret token)
    : Call(id, timeout, std::move(pool), std::move(mailbox)),
      verification_(std::move(settings), std::move(user), std::move(password),
                    std::move(token)) {}

void VerificationCall::Run(KeptContext& kept) {
  outcome_ = std::make_unique<Outcome>(verification_.Run(kept));
}

void VerificationCall::Abandon() { asked_ = verification_.Abandon(); }

// The arguments are in onSettled's order. They are not in an object: making an
// object, property by property, would cost JavaScript's thread more than all
// the rest of the call.
void VerificationCall::TellJavaScript(const Napi::Function& on_settled) const {
  const Napi::Env env = on_settled.Env();
  const auto number = [env](double n) { return Napi::Number::New(env, n); };
  const auto text = [env](const auto& t) { return Napi::String::New(env, t); };
  const auto flag = [env](bool f) { return Napi::Boolean::New(env, f); };
  const Outcome out_of_memory = OutOfMemory();
  const Outcome& outcome = outcome_ ? *outcome_ : out_of_memory;
  const Asked& asked = outcome.asked;
  on_settled.Call({number(id), flag(outcome.verified), text(outcome.step),
                   number(outcome.code), text(outcome.message),
                   text(outcome.principal), text(outcome.realm),
                   text(outcome.keytab), flag(outcome.keytab_exposed),
                   flag(outcome.armored), flag(outcome.by_token),
                   text(outcome.armor_missing), text(asked.service),
                   ListOf(env, asked.realms), ListOf(env, asked.kdcs),
                   TraceOf(env, asked.trace)});
}

Napi::Value VerificationCall::Abandoned(Napi::Env env) const {
  return RecordOf(env, asked_);
}

Napi::Object RecordOf(Napi::Env env, const Asked& asked) {
  Napi::Object record = Napi::Object::New(env);
  record.Set("service", asked.service);
  record.Set("realms", ListOf(env, asked.realms));
  record.Set("kdcs", ListOf(env, asked.kdcs));
  record.Set("trace", TraceOf(env, asked.trace));
  return record;
}

}  // namespace kpass
