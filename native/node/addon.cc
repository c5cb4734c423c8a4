// What JavaScript calls. JavaScript checks its arguments, and makes errors and
// verdicts. This side takes plain values, and returns plain records.
//
// JavaScript knows a call by a number. The function that start() got receives
// the call's record, on JavaScript's thread, at most once; never if the call
// was abandoned.

#define NAPI_VERSION 8
#include <errno.h>
#include <napi.h>
#include <stdlib.h>

#include <cstdint>
#include <map>
#include <memory>
#include <new>

#include "base/exit_gate.h"
#include "base/platform.h"
#include "kerberos/verification.h"
#include "node/diagnosis_functions.h"
#include "node/mailbox.h"
#include "node/pool.h"
#include "node/values.h"

extern "C" {
// Exported by libkrb5, but declared in none of its headers.
krb5_error_code krb5_get_default_config_files(char*** filenames);
void krb5_free_config_files(char** filenames);
}

namespace kpass {
namespace {

// JavaScript's call of submit().
class VerificationCall : public Call {
 public:
  VerificationCall(uint32_t id, std::chrono::milliseconds timeout,
                   Ref<Pool> pool, Ref<Mailbox> mailbox, Ref<Settings> settings,
                   std::string user, Secret password)
      : Call(id, timeout, std::move(pool), std::move(mailbox)),
        verification_(std::move(settings), std::move(user),
                      std::move(password)) {}

  void Run(KeptContext& kept) override {
    outcome_ = std::make_unique<Outcome>(verification_.Run(kept));
  }
  void Abandon() override { asked_ = verification_.Abandon(); }
  void TellJavaScript(const Napi::Function& on_settled) const override;

  // After Pool::Abandon(), on JavaScript's thread.
  Asked TakeAsked() { return std::move(asked_); }

 private:
  Verification verification_;
  std::unique_ptr<Outcome> outcome_;  // null: memory ran out
  Asked asked_;
};

// What belongs to one environment: the main thread's, or a worker's.
class Environment {
 public:
  Environment() : mailbox(new Mailbox) {}
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { End(); }

  // Nothing of this environment is used by a thread after this.
  void End() {
    mailbox->Close();
    for (const auto& [id, call] : calls) call->pool->Abandon(*call);
    calls.clear();
  }

  // Numbered here and not in JavaScript, whose files may be loaded twice over
  // one addon: then two calls would have one number, and one verdict.
  uint32_t NextId() {
    do {
      ++last_id_;
    } while (last_id_ == 0 || calls.count(last_id_) != 0);
    return last_id_;
  }

  const Ref<Mailbox> mailbox;
  std::map<uint32_t, Ref<VerificationCall>> calls;  // submitted, not settled

 private:
  uint32_t last_id_ = 0;
};

Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

Ref<Pool> PoolOf(Napi::Value value) {
  return Ref<Pool>(value.As<Napi::External<Pool>>().Data());
}

Outcome OutOfMemory() {
  Outcome outcome;
  outcome.step = "malloc";
  outcome.code = ENOMEM;
  return outcome;
}

// In onSettled's order. Not an object: making one, property by property, would
// cost JavaScript's thread more than all the rest of the call.
void VerificationCall::TellJavaScript(const Napi::Function& on_settled) const {
  const Napi::Env env = on_settled.Env();
  const auto number = [env](double n) { return Napi::Number::New(env, n); };
  const auto text = [env](const auto& t) { return Napi::String::New(env, t); };
  const auto flag = [env](bool f) { return Napi::Boolean::New(env, f); };
  const Outcome out_of_memory = outcome_ ? Outcome() : OutOfMemory();
  const Outcome& outcome = outcome_ ? *outcome_ : out_of_memory;
  const Asked& asked = outcome.asked;
  on_settled.Call({number(id), flag(outcome.verified), text(outcome.step),
                   number(outcome.code), text(outcome.message),
                   text(outcome.principal), text(outcome.realm),
                   text(outcome.keytab), flag(outcome.keytab_exposed),
                   text(asked.service), ListOf(env, asked.realms),
                   ListOf(env, asked.kdcs), TraceOf(env, asked.trace)});
}

// --- What JavaScript calls ---------------------------------------------------

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
    if (env.IsExceptionPending()) {  // the environment is terminating
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
  // Pending promises keep the process alive, by their timers; this does not.
  napi_unref_threadsafe_function(env, wake);
  Environment& environment = Of(env);
  environment.mailbox->Open(wake);
  // Added after the function, so run before Node takes the function down.
  env.AddCleanupHook([](Environment* ending) { ending->End(); }, &environment);
}

// settings({ service, host, ... }): what many calls share.
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
  settings->config.first = TextOf(from.Get("firstConfig"));
  settings->config.files = TextsOf(from.Get("config"));
  settings->config.last = TextOf(from.Get("lastConfig"));
  settings->config.named = from.Get("configNamed").ToBoolean();
  settings->Retain();  // for the External, given back by its finalizer
  return Napi::External<Settings>::New(
      info.Env(), settings.get(),
      [](Napi::Env, Settings* gone) { gone->Release(); });
}

Napi::Value ExternalPool(Napi::Env env, Ref<Pool> pool) {
  pool->Retain();  // for the External, given back by its finalizer
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

// sharedPool(threads, queue): the process's one pool, whichever worker asks;
// made with the sizes that the first one gives.
Napi::Value SharedPool(const Napi::CallbackInfo& info) {
  static const Ref<Pool>* const shared = new Ref<Pool>(new Pool(
      info[0].ToNumber().Uint32Value(), info[1].ToNumber().Uint32Value()));
  Pool* const pool = shared->get();
  return Napi::External<Pool>::New(info.Env(), pool);
}

// The call's number, or, below zero, why there is none.
enum Refusal : int { kFull = -1, kNoThread = -2, kNoMemory = -3 };

double Admit(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Of(env);
  const Ref<Pool> pool = PoolOf(info[0]);
  const Ref<Settings> settings(info[1].As<Napi::External<Settings>>().Data());
  const std::chrono::milliseconds timeout(info[4].ToNumber().Int64Value());
  const uint32_t id = environment.NextId();
  const Ref<VerificationCall> call(
      new VerificationCall(id, timeout, pool, environment.mailbox, settings,
                           TextOf(info[2]), SecretOf(env, info[3])));
  const auto entry = environment.calls.emplace(id, call).first;
  Pool::Admission admission = Pool::Admission::kNoThread;
  try {
    admission = pool->Submit(Ref<Job>(call.get()));
  } catch (const std::bad_alloc&) {
    environment.calls.erase(entry);
    throw;
  }
  if (admission == Pool::Admission::kAccepted) return id;
  environment.calls.erase(entry);
  return admission == Pool::Admission::kFull ? kFull : kNoThread;
}

// submit(pool, settings, user, password, timeout): the call's number, or a
// Refusal. The password has been read when it returns. After the timeout, in
// ms, the record may not come: the deadline is JavaScript's to tell.
Napi::Value Submit(const Napi::CallbackInfo& info) {
  double answer = kNoMemory;
  try {
    answer = Admit(info);
  } catch (const std::bad_alloc&) {  // no exception may pass through Node
  }
  return Napi::Number::New(info.Env(), answer);
}

// abandon(id): the call's record will not come. Returns { service, realms,
// kdcs, trace }: which KDCs it asked, and for which service; empty before it
// asked.
Napi::Value Abandon(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Of(env);
  Asked asked;
  const auto entry = environment.calls.find(info[0].ToNumber().Uint32Value());
  if (entry != environment.calls.end()) {
    entry->second->pool->Abandon(*entry->second);
    asked = entry->second->TakeAsked();
    environment.calls.erase(entry);
  }
  Napi::Object record = Napi::Object::New(env);
  record.Set("service", asked.service);
  record.Set("realms", ListOf(env, asked.realms));
  record.Set("kdcs", ListOf(env, asked.kdcs));
  record.Set("trace", TraceOf(env, asked.trace));
  return record;
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

// In the user's home, as the first of macOS's files is: libkrb5 reads '~' when
// it opens one, and the system does not.
std::string InHome(const char* name) {
  const char* const home = getenv("HOME");
  const bool there = name[0] == '~' && name[1] == '/' && home != nullptr;
  return there ? std::string(home) + (name + 1) : name;
}

// defaultConfig(): KRB5_CONFIG's files, or the system's, with a colon between,
// as there: one string costs each call less than a list. Asked for on this
// thread, for process.env changes the environment under the others' feet.
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

// libraryFile(): libkrb5's, or ''.
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
