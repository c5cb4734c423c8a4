#include "node/accept_call.h"

#include <utility>

#include "node/values.h"

namespace kpass {
namespace {

Napi::Value BytesOrNull(Napi::Env env, const std::string& bytes) {
  if (bytes.empty()) return env.Null();
  const auto copy = Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
  return {env, copy};
}

}  // namespace

AcceptCall::AcceptCall(uint32_t id, std::chrono::milliseconds timeout,
                       Ref<Pool> pool, Ref<Mailbox> mailbox,
                       Ref<AcceptorSettings> settings, std::string token,
                       std::optional<std::string> bindings)
    : Call(id, timeout, std::move(pool), std::move(mailbox)),
      settings_(std::move(settings)),
      token_(std::move(token)),
      bindings_(std::move(bindings)) {}

void AcceptCall::Run(KeptContext& kept) {
  acceptance_ =
      std::make_unique<Acceptance>(Accept(*settings_, token_, bindings_, kept));
}

// In the order of NativeAcceptance in lib/binding.ts.
void AcceptCall::TellJavaScript(const Napi::Function& on_settled) const {
  const Napi::Env env = on_settled.Env();
  const auto number = [env](double n) { return Napi::Number::New(env, n); };
  const auto text = [env](const auto& t) { return Napi::String::New(env, t); };
  const auto flag = [env](bool f) { return Napi::Boolean::New(env, f); };
  const Acceptance out_of_memory = OutOfMemory<Acceptance>();
  const Acceptance& acceptance = acceptance_ ? *acceptance_ : out_of_memory;
  on_settled.Call({number(id), flag(acceptance.accepted), text(acceptance.step),
                   number(acceptance.code), text(acceptance.message),
                   text(acceptance.principal), text(acceptance.realm),
                   BytesOrNull(env, acceptance.reply), flag(acceptance.bound),
                   text(acceptance.service), text(acceptance.keytab),
                   flag(acceptance.keytab_exposed),
                   TraceOf(env, acceptance.trace)});
}

Napi::Value AcceptCall::Abandoned(Napi::Env env) const {
  return env.Undefined();
}

}  // namespace kpass
