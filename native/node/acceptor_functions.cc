#include "node/acceptor_functions.h"

#include <errno.h>

#include <memory>
#include <optional>
#include <string>

#include "kerberos/acceptor.h"
#include "node/environment.h"
#include "node/values.h"

namespace kpass {
namespace {

std::string BytesOf(Napi::Value value) {
  const auto bytes = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
}

// JavaScript's call of accept().
class AcceptCall : public Call {
 public:
  AcceptCall(uint32_t id, std::chrono::milliseconds timeout, Ref<Pool> pool,
             Ref<Mailbox> mailbox, Ref<AcceptorSettings> settings,
             std::string token, std::optional<std::string> bindings)
      : Call(id, timeout, std::move(pool), std::move(mailbox)),
        settings_(std::move(settings)),
        token_(std::move(token)),
        bindings_(std::move(bindings)) {}

  void Run(KeptContext& kept) override {
    acceptance_ = std::make_unique<Acceptance>(
        Accept(*settings_, token_, bindings_, kept));
  }
  void Abandon() override {}  // it waits for nobody
  void TellJavaScript(const Napi::Function& on_settled) const override;
  Napi::Value DescribeAbandoned(Napi::Env env) override {
    return env.Undefined();
  }

 private:
  const Ref<AcceptorSettings> settings_;
  const std::string token_;
  const std::optional<std::string> bindings_;
  std::unique_ptr<Acceptance> acceptance_;  // null: memory ran out
};

// In the order of NativeAcceptance (lib/binding.ts).
void AcceptCall::TellJavaScript(const Napi::Function& on_settled) const {
  const Napi::Env env = on_settled.Env();
  const auto number = [env](double n) { return Napi::Number::New(env, n); };
  const auto text = [env](const auto& t) { return Napi::String::New(env, t); };
  const auto flag = [env](bool f) { return Napi::Boolean::New(env, f); };
  Acceptance out_of_memory;
  out_of_memory.step = "malloc";
  out_of_memory.code = ENOMEM;
  const Acceptance& acceptance = acceptance_ ? *acceptance_ : out_of_memory;
  const std::string& reply = acceptance.reply;
  const Napi::Value bytes = reply.empty()
                                ? env.Null()
                                : Napi::Value(Napi::Buffer<char>::Copy(
                                      env, reply.data(), reply.size()));
  on_settled.Call({number(id), flag(acceptance.accepted), text(acceptance.step),
                   number(acceptance.code), text(acceptance.message),
                   text(acceptance.principal), text(acceptance.realm), bytes,
                   flag(acceptance.bound), text(acceptance.service),
                   text(acceptance.keytab), flag(acceptance.keytab_exposed),
                   TraceOf(env, acceptance.trace)});
}

// acceptorSettings(services, anyHost, bindings, once): what many accepts share.
// `services`: what settings() has made, one for each host.
Napi::Value MakeAcceptorSettings(const Napi::CallbackInfo& info) {
  const Ref<AcceptorSettings> settings(new AcceptorSettings);
  const auto services = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < services.Length(); ++i) {
    settings->services.emplace_back(
        services.Get(i).As<Napi::External<Settings>>().Data());
  }
  settings->any_host = info[1].ToBoolean();
  const std::string bindings = TextOf(info[2]);
  settings->bindings = bindings == "off"     ? BindingsRule::kOff
                       : bindings == "allow" ? BindingsRule::kAllow
                                             : BindingsRule::kRequire;
  settings->once = info[3].ToBoolean();
  settings->Retain();  // for the External, given back by its finalizer
  return Napi::External<AcceptorSettings>::New(
      info.Env(), settings.get(),
      [](Napi::Env, AcceptorSettings* gone) { gone->Release(); });
}

// accept(pool, acceptorSettings, token, bindings, timeout): the call's number,
// or a Refusal. `bindings` null: none are known.
Napi::Value SubmitAccept(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Submit(env, [&](uint32_t id) {
    const Ref<AcceptorSettings> settings(
        info[1].As<Napi::External<AcceptorSettings>>().Data());
    std::optional<std::string> bindings;
    if (!info[3].IsNull()) bindings = BytesOf(info[3]);
    return Ref<Call>(new AcceptCall(
        id, std::chrono::milliseconds(info[4].ToNumber().Int64Value()),
        PoolOf(info[0]), Environment::Of(env).mailbox, settings,
        BytesOf(info[2]), std::move(bindings)));
  });
}

}  // namespace

void ExportAcceptor(Napi::Env env, Napi::Object exports) {
  exports.Set("acceptorSettings",
              Napi::Function::New(env, MakeAcceptorSettings));
  exports.Set("accept", Napi::Function::New(env, SubmitAccept));
}

}  // namespace kpass
