// The functions that JavaScript calls. JavaScript checks the arguments, and
// makes errors and verdicts. This side takes plain values, and returns plain
// records.
//
// JavaScript knows a call by its number. The function that start() got receives
// the call's record, on JavaScript's thread. It receives each record at most
// once, and no record of an abandoned call.

#define NAPI_VERSION 8
#include <napi.h>
#include <stdlib.h>

#include <cstdint>
#include <map>
#include <memory>
#include <new>

#include "base/exit_gate.h"
#include "base/platform.h"
#include "node/accept_call.h"
#include "node/change_call.h"
#include "node/diagnosis_functions.h"
#include "node/mailbox.h"
#include "node/pool.h"
#include "node/values.h"
#include "node/verification_call.h"

extern "C" {
// Exported by libkrb5, but declared in none of its headers.
krb5_error_code krb5_get_default_config_files(char*** filenames);
void krb5_free_config_files(char** filenames);
}

namespace kpass {
namespace {

// The state of one environment: the main thread's, or a worker's.
class Environment {
 public:
  Environment() : mailbox(new Mailbox) {}
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { End(); }

  // After this, no thread of a pool uses the environment.
  void End() {
    mailbox->Close();
    for (const auto& [id, call] : calls) call->pool->Abandon(*call);
    calls.clear();
  }

  // Two copies of the JavaScript files may share one addon. If the copies
  // numbered the calls, two calls could have the same number, and so the same
  // verdict.
  uint32_t NextId() {
    do {
      ++last_id_;
    } while (last_id_ == 0 || calls.count(last_id_) != 0);
    return last_id_;
  }

  const Ref<Mailbox> mailbox;
  std::map<uint32_t, Ref<Call>> calls;  // submitted, not settled

 private:
  uint32_t last_id_ = 0;
};

Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

Ref<Pool> PoolOf(Napi::Value value) {
  return Ref<Pool>(value.As<Napi::External<Pool>>().Data());
}

// Makes the pending exception an uncaught one of the process, so that the next
// call can be told. False: the environment is terminating.
bool TellOfException(Napi::Env env) {
  napi_value thrown = nullptr;
  return napi_get_and_clear_last_exception(env, &thrown) == napi_ok &&
         napi_fatal_exception(env, thrown) == napi_ok;
}

// Runs on the JavaScript thread after Mailbox::Post woke it.
void DeliverFinished(napi_env raw_env, napi_value on_settled, void*, void*) {
  if (raw_env == nullptr || on_settled == nullptr) return;
  const Napi::Env env(raw_env);
  const Napi::Function settled(env, on_settled);
  Ref<Call> call = Of(env).mailbox->Collect();
  for (; call; call = Rest(call)) {
    if (Of(env).calls.erase(call->id) == 0) continue;
    const Napi::HandleScope scope(env);
    call->TellJavaScript(settled);
    if (env.IsExceptionPending() && !TellOfException(env)) {
      Discard(std::move(call));
      return;
    }
  }
}

// start(onSettled): once per environment, before anything else.
void Start(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  napi_threadsafe_function wake = nullptr;
  const napi_status status = napi_create_threadsafe_function(
      env, info[0], nullptr, Napi::String::New(env, "kpass"), 0, 1, nullptr,
      nullptr, nullptr, DeliverFinished, &wake);
  if (status != napi_ok) return;
  // The timers of pending promises keep the process alive. This function must
  // not.
  napi_unref_threadsafe_function(env, wake);
  Environment& environment = Of(env);
  environment.mailbox->Open(wake);
  // The hook is added after the function, so Node runs the hook before it
  // destroys the function.
  env.AddCleanupHook([](Environment* ending) { ending->End(); }, &environment);
}

// settings({ service, host, ... }): the settings that many calls share.
Napi::Value MakeSettings(const Napi::CallbackInfo& info) {
  const auto from = info[0].As<Napi::Object>();
  const Ref<Settings> settings(new Settings);
  settings->service = TextOf(from.Get("service"));
  settings->host = OptionalText(from.Get("host"));
  settings->keytab = OptionalText(from.Get("keytab"));
  settings->realms = TextsOf(from.Get("realms"));
  settings->upn_suffixes = TextsOf(from.Get("upnSuffixes"));
  settings->domain_realms = TextsOf(from.Get("domainRealms"));
  settings->canonicalize = from.Get("canonicalize").ToBoolean();
  settings->trace = from.Get("trace").ToBoolean();
  settings->libkrb5_transport = TextOf(from.Get("transport")) == "libkrb5";
  const std::string fast = TextOf(from.Get("fast"));
  settings->fast = fast == "never" ? FastRule::kNever
                   : fast == "try" ? FastRule::kTry
                                   : FastRule::kRequire;
  const std::string otp = TextOf(from.Get("otp"));
  settings->otp = otp == "joined"  ? OtpRule::kJoined
                  : otp == "alone" ? OtpRule::kAlone
                                   : OtpRule::kNever;
  settings->fast_principal =
      OptionalText(from.Get("fastPrincipal")).value_or("");
  settings->timeout = std::chrono::milliseconds(
      static_cast<int64_t>(from.Get("timeout").ToNumber().DoubleValue()));
  settings->config.first = TextOf(from.Get("firstConfig"));
  settings->config.files = TextsOf(from.Get("config"));
  settings->config.last = TextOf(from.Get("lastConfig"));
  settings->config.named = from.Get("configNamed").ToBoolean();
  settings->Retain();  // for the External; its finalizer releases it
  return Napi::External<Settings>::New(
      info.Env(), settings.get(),
      [](Napi::Env, Settings* gone) { gone->Release(); });
}

Napi::Value ExternalPool(Napi::Env env, Ref<Pool> pool) {
  pool->Retain();  // for the External; its finalizer releases it
  return Napi::External<Pool>::New(env, pool.get(), [](Napi::Env, Pool* gone) {
    gone->Close();
    gone->Release();
  });
}

// createPool(threads, queue): a pool that lasts as long as the value returned.
Napi::Value CreatePool(const Napi::CallbackInfo& info) {
  return ExternalPool(info.Env(),
                      Ref<Pool>(new Pool(info[0].ToNumber().Uint32Value(),
                                         info[1].ToNumber().Uint32Value())));
}

// sharedPool(threads, queue): the process's one pool, shared by all workers.
// The first call sets its sizes.
Napi::Value SharedPool(const Napi::CallbackInfo& info) {
  static const Ref<Pool>* const shared = new Ref<Pool>(new Pool(
      info[0].ToNumber().Uint32Value(), info[1].ToNumber().Uint32Value()));
  Pool* const pool = shared->get();
  return Napi::External<Pool>::New(info.Env(), pool);
}

// submit() returns one of these in place of a call's number: the reason why
// there is no call.
enum Refusal : int { kFull = -1, kNoThread = -2, kNoMemory = -3 };

// May throw std::bad_alloc.
double Admit(Environment& environment, const Ref<Call>& call) {
  const auto entry = environment.calls.emplace(call->id, call).first;
  Pool::Admission admission = Pool::Admission::kNoThread;
  try {
    admission = call->pool->Submit(Ref<Job>(call.get()));
  } catch (const std::bad_alloc&) {
    environment.calls.erase(entry);
    throw;
  }
  if (admission == Pool::Admission::kAccepted) return call->id;
  environment.calls.erase(entry);
  return admission == Pool::Admission::kFull ? kFull : kNoThread;
}

// submit(pool, settings, user, password, timeout, token): the call's number, or
// a Refusal. `token`: the value of the user's token, or null. submit() has read
// the password when it returns. JavaScript keeps the deadline: after `timeout`
// ms the record may not come any more.
Napi::Value Submit(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Of(env);
  double answer = kNoMemory;
  try {
    const Ref<Call> call(new VerificationCall(
        environment.NextId(),
        std::chrono::milliseconds(info[4].ToNumber().Int64Value()),
        PoolOf(info[0]), environment.mailbox,
        Ref<Settings>(info[1].As<Napi::External<Settings>>().Data()),
        TextOf(info[2]), SecretOf(env, info[3]),
        info[5].IsNull() ? Secret() : SecretOf(env, info[5])));
    answer = Admit(environment, call);
  } catch (const std::bad_alloc&) {  // no exception may pass through Node
  }
  return Napi::Number::New(env, answer);
}

// changePassword(pool, settings, user, old, new, timeout): as submit().
Napi::Value SubmitChange(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Of(env);
  double answer = kNoMemory;
  try {
    const Ref<Call> call(new ChangeCall(
        environment.NextId(),
        std::chrono::milliseconds(info[5].ToNumber().Int64Value()),
        PoolOf(info[0]), environment.mailbox,
        Ref<Settings>(info[1].As<Napi::External<Settings>>().Data()),
        TextOf(info[2]), SecretOf(env, info[3]), SecretOf(env, info[4])));
    answer = Admit(environment, call);
  } catch (const std::bad_alloc&) {  // no exception may pass through Node
  }
  return Napi::Number::New(env, answer);
}

// acceptorSettings(services, anyHost, bindings, once): what many accepts share.
// `services`: results of settings(), one for each host.
Napi::Value MakeAcceptorSettings(const Napi::CallbackInfo& info) {
  const Ref<AcceptorSettings> settings(new AcceptorSettings);
  const auto services = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < services.Length(); ++i) {
    const auto service = services.Get(i).As<Napi::External<Settings>>();
    settings->services.emplace_back(service.Data());
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

// accept(pool, acceptorSettings, token, bindings, timeout): as submit().
// `bindings`: null if none are known.
Napi::Value SubmitAccept(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Of(env);
  double answer = kNoMemory;
  try {
    std::optional<std::string> bindings;
    if (!info[3].IsNull()) bindings = BytesOf(info[3]);
    const auto settings = info[1].As<Napi::External<AcceptorSettings>>();
    const Ref<Call> call(new AcceptCall(
        environment.NextId(),
        std::chrono::milliseconds(info[4].ToNumber().Int64Value()),
        PoolOf(info[0]), environment.mailbox,
        Ref<AcceptorSettings>(settings.Data()), BytesOf(info[2]),
        std::move(bindings)));
    answer = Admit(environment, call);
  } catch (const std::bad_alloc&) {  // no exception may pass through Node
  }
  return Napi::Number::New(env, answer);
}

// abandon(id): the call's record will not come. Returns Call::Abandoned()
// instead: { service, realms, kdcs, trace }, empty before a KDC was asked.
Napi::Value Abandon(const Napi::CallbackInfo& info) {
  Environment& environment = Of(info.Env());
  const auto entry = environment.calls.find(info[0].ToNumber().Uint32Value());
  if (entry == environment.calls.end()) return RecordOf(info.Env(), Asked());
  const Ref<Call> call = entry->second;
  environment.calls.erase(entry);
  call->pool->Abandon(*call);
  return call->Abandoned(info.Env());
}

// closePool(pool): its threads end when its queue is empty.
void ClosePool(const Napi::CallbackInfo& info) { PoolOf(info[0])->Close(); }

// poolStats(pool): { threads, active, stalled, queued }.
Napi::Value PoolStats(const Napi::CallbackInfo& info) {
  const Pool::Stats stats = PoolOf(info[0])->GetStats();
  Napi::Object record = Napi::Object::New(info.Env());
  record.Set("threads", static_cast<double>(stats.threads));
  record.Set("active", static_cast<double>(stats.active));
  record.Set("stalled", static_cast<double>(stats.stalled));
  record.Set("queued", static_cast<double>(stats.queued));
  return record;
}

// Replaces a '~' at the beginning. The name of macOS's first file begins with
// one. libkrb5 replaces it when it opens a file, but the system does not.
std::string InHome(const char* name) {
  const char* const home = getenv("HOME");
  const bool there = name[0] == '~' && name[1] == '/' && home != nullptr;
  return there ? std::string(home) + (name + 1) : name;
}

// defaultConfig(): the files that KRB5_CONFIG names, or else the system's, with
// colons between them. One string is cheaper than a list. The function reads
// the environment on this thread, because process.env changes the environment
// of all threads.
Napi::Value DefaultConfig(const Napi::CallbackInfo& info) {
  std::string files;
  char** names = nullptr;
  if (krb5_get_default_config_files(&names) == 0) {
    for (char** name = names; *name != nullptr; ++name) {
      if (name != names) files += ':';
      files += InHome(*name);
    }
    krb5_free_config_files(names);
  }
  return Napi::String::New(info.Env(), files);
}

// libraryFile(): the file of libkrb5, or ''.
Napi::Value LibraryFile(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), Libkrb5File());
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  StayLoaded();
  ExitGate::Install();
  env.SetInstanceData(new Environment);
  exports.Set("start", Napi::Function::New(env, Start));
  exports.Set("createPool", Napi::Function::New(env, CreatePool));
  exports.Set("sharedPool", Napi::Function::New(env, SharedPool));
  exports.Set("settings", Napi::Function::New(env, MakeSettings));
  exports.Set("submit", Napi::Function::New(env, Submit));
  exports.Set("changePassword", Napi::Function::New(env, SubmitChange));
  exports.Set("acceptorSettings",
              Napi::Function::New(env, MakeAcceptorSettings));
  exports.Set("accept", Napi::Function::New(env, SubmitAccept));
  exports.Set("abandon", Napi::Function::New(env, Abandon));
  exports.Set("closePool", Napi::Function::New(env, ClosePool));
  exports.Set("poolStats", Napi::Function::New(env, PoolStats));
  exports.Set("defaultConfig", Napi::Function::New(env, DefaultConfig));
  exports.Set("libraryFile", Napi::Function::New(env, LibraryFile));
  ExportDiagnosis(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(kpass, Init)

}  // namespace kpass
