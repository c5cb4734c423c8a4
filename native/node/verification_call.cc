#include "node/verification_call.h"

#include <utility>

#include "node/values.h"

namespace kpass {
namespace {

// The arguments are in onSettled's order. They are not in an object: making an
// object, property by property, would cost JavaScript's thread more than all
// the rest of the call. A verified outcome names no realms and no KDCs, because
// only errors need them.
void Tell(const Napi::Function& on_settled, uint32_t id,
          const Outcome& outcome) {
  const Napi::Env env = on_settled.Env();
  const auto number = [env](double n) { return Napi::Number::New(env, n); };
  const auto text = [env](const auto& t) { return Napi::String::New(env, t); };
  const auto flag = [env](bool f) { return Napi::Boolean::New(env, f); };
  const Napi::Array none = Napi::Array::New(env);
  const auto list = [env, &outcome, &none](const auto& texts) {
    return outcome.verified ? none : ListOf(env, texts);
  };
  const Asked& asked = outcome.asked;
  on_settled.Call(
      {number(id), flag(outcome.verified), text(outcome.step),
       number(outcome.code), text(outcome.message), text(outcome.principal),
       text(outcome.realm), text(outcome.keytab), flag(outcome.keytab_exposed),
       flag(outcome.armored), flag(outcome.by_token),
       text(outcome.armor_missing), text(asked.service), list(asked.realms),
       list(asked.kdcs), TraceOf(env, asked.trace), flag(asked.proof_left)});
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

void VerificationCall::TellJavaScript(const Napi::Function& on_settled) const {
  if (outcome_) {
    Tell(on_settled, id, *outcome_);
  } else {
    Tell(on_settled, id, OutOfMemory<Outcome>());
  }
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
  record.Set("proofLeft", asked.proof_left);
  return record;
}

}  // namespace kpass
