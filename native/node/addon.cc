// The only file that knows Node-API. JavaScript checks its arguments and makes
// errors and verdicts; this side takes plain values and gives back plain
// records.
//
// A call is known to JavaScript by a number. Its record comes to the function
// given to start(), on the JavaScript thread, at most once; never if abandoned.

#define NAPI_VERSION 8
#include <errno.h>
#include <napi.h>
#include <stdlib.h>
#include <string.h>

#include <cstdint>
#include <map>
#include <memory>
#include <new>

#include "base/exit_gate.h"
#include "base/platform.h"
#include "kerberos/keytab_login.h"
#include "node/pool.h"

extern "C" {
// Exported by libkrb5, but declared in none of its headers.
krb5_error_code krb5_get_default_config_files(char*** filenames);
void krb5_free_config_files(char** filenames);
}

namespace kpass {
namespace {

class JsCall;

// Where threads leave finished calls for one environment's JavaScript thread.
// It outlives the environment, whose end it is told of, so that no thread ever
// touches a thread-safe function that Node is taking down.
class Mailbox : public RefCounted {
 public:
  void Open(napi_threadsafe_function wake) { wake_ = wake; }
  void Close();

  // Allocates nothing: a thread has nobody to tell that memory ran out.
  void Post(Ref<JsCall> call) noexcept;

  // The finished calls, the first of a chain, in the order of their posting.
  Ref<JsCall> Collect();

 private:
  std::mutex mutex_;
  napi_threadsafe_function wake_ = nullptr;
  Ref<JsCall> first_;
  JsCall* last_ = nullptr;
};

class JsCall : public Call {
 public:
  JsCall(uint32_t id, Ref<Settings> settings, std::string user, Secret password,
         std::chrono::milliseconds timeout, Ref<Pool> pool,
         Ref<Mailbox> mailbox)
      : Call(std::move(settings), std::move(user), std::move(password),
             timeout),
        id(id),
        pool(std::move(pool)),
        mailbox_(std::move(mailbox)) {}

  void Settle(std::unique_ptr<Outcome> settled) noexcept override {
    outcome = std::move(settled);
    mailbox_->Post(Ref<JsCall>(this));
  }

  const uint32_t id;
  const Ref<Pool> pool;
  std::unique_ptr<Outcome> outcome;  // there, or not, once the call is posted
  Ref<JsCall> next;                  // in the mailbox

 private:
  const Ref<Mailbox> mailbox_;
};

// Takes the first off a chain. One after the other: a long chain freed by its
// head would take much stack.
Ref<JsCall> Rest(const Ref<JsCall>& chain) { return std::move(chain->next); }

void Discard(Ref<JsCall> chain) {
  while (chain) chain = Rest(chain);
}

void Mailbox::Close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    wake_ = nullptr;
  }
  Discard(Collect());  // nothing is posted any more
}

void Mailbox::Post(Ref<JsCall> call) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (wake_ == nullptr) return;
  JsCall* const posted = call.get();
  (last_ == nullptr ? first_ : last_->next) = std::move(call);
  if (last_ == nullptr) {
    napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
  }
  last_ = posted;
}

Ref<JsCall> Mailbox::Collect() {
  const std::lock_guard<std::mutex> lock(mutex_);
  last_ = nullptr;
  return std::move(first_);
}

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
  std::map<uint32_t, Ref<JsCall>> calls;  // submitted, not settled

 private:
  uint32_t last_id_ = 0;
};

Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

// --- Plain values in ---------------------------------------------------------

std::string TextOf(Napi::Value value) {
  return value.As<Napi::String>().Utf8Value();
}

std::optional<std::string> OptionalText(Napi::Value value) {
  if (!value.IsString()) return std::nullopt;
  return TextOf(value);
}

std::vector<std::string> TextsOf(Napi::Value value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    texts.push_back(TextOf(array.Get(i)));
  }
  return texts;
}

// Straight into the Secret: no copy in between that would have to be wiped.
Secret SecretOf(Napi::Env env, Napi::Value value) {
  if (value.IsString()) {
    size_t size = 0;
    napi_get_value_string_utf8(env, value, nullptr, 0, &size);
    Secret secret(size);
    napi_get_value_string_utf8(env, value, secret.data(), size + 1, &size);
    return secret;
  }
  const auto bytes = value.As<Napi::Uint8Array>();
  const size_t size = bytes.ByteLength();
  Secret secret(size);
  // An empty array's data may be null, which memcpy must not be given.
  if (size == 0) return secret;
  memcpy(secret.data(), bytes.Data(), size);
  // A new thread has this one's vector registers, and puts them on its stack:
  // a copy of as many zeros takes the same way through them.
  const Secret zeros(size);
  Secret sink(size);
  memcpy(sink.data(), zeros.c_str(), size);
  asm volatile("" ::"r"(sink.data()) : "memory");
  return secret;
}

Ref<Pool> PoolOf(Napi::Value value) {
  return Ref<Pool>(value.As<Napi::External<Pool>>().Data());
}

// --- Plain records out -------------------------------------------------------

Outcome OutOfMemory() {
  Outcome outcome;
  outcome.step = "malloc";
  outcome.code = ENOMEM;
  return outcome;
}

// An array of lines, or null: mostly nothing was to be traced.
Napi::Value TraceOf(Napi::Env env, const Trace& trace) {
  if (trace.empty()) return env.Null();
  Napi::Array lines = Napi::Array::New(env);
  for (const std::string& line : trace) lines.Set(lines.Length(), line);
  return lines;
}

// In onSettled's order. Not an object: to make one, property by property, costs
// more than all else on JavaScript's thread.
void TellJavaScript(const Napi::Function& on_settled, uint32_t id,
                    const Outcome& outcome) {
  const Napi::Env env = on_settled.Env();
  const auto number = [env](double n) { return Napi::Number::New(env, n); };
  const auto text = [env](const auto& t) { return Napi::String::New(env, t); };
  const auto flag = [env](bool f) { return Napi::Boolean::New(env, f); };
  on_settled.Call({number(id), flag(outcome.verified), text(outcome.step),
                   number(outcome.code), text(outcome.message),
                   text(outcome.principal), text(outcome.realm),
                   text(outcome.service), text(outcome.keytab),
                   text(outcome.kdcs), flag(outcome.keytab_exposed),
                   TraceOf(env, outcome.trace)});
}

// --- What JavaScript calls ---------------------------------------------------

// Runs on the JavaScript thread after Mailbox::Post woke it.
void DeliverFinished(napi_env raw_env, napi_value on_settled, void*, void*) {
  if (raw_env == nullptr || on_settled == nullptr) return;
  const Napi::Env env(raw_env);
  const Napi::Function settled(env, on_settled);
  const Outcome out_of_memory = OutOfMemory();
  Ref<JsCall> call = Of(env).mailbox->Collect();
  for (; call; call = Rest(call)) {
    if (Of(env).calls.erase(call->id) == 0) continue;
    const Napi::HandleScope scope(env);
    TellJavaScript(settled, call->id,
                   call->outcome ? *call->outcome : out_of_memory);
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
  const Ref<JsCall> call(new JsCall(id, settings, TextOf(info[2]),
                                    SecretOf(env, info[3]), timeout, pool,
                                    environment.mailbox));
  const auto entry = environment.calls.emplace(id, call).first;
  Pool::Admission admission = Pool::Admission::kNoThread;
  try {
    admission = pool->Submit(Ref<Call>(call.get()));
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

// abandon(id): its record will not come. Gives { service, realm, kdcs, trace }:
// whom it was waiting for, empty where it had not asked yet.
Napi::Value Abandon(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Of(env);
  Asked asked;
  const auto entry = environment.calls.find(info[0].ToNumber().Uint32Value());
  if (entry != environment.calls.end()) {
    asked = entry->second->pool->Abandon(*entry->second);
    environment.calls.erase(entry);
  }
  Napi::Object record = Napi::Object::New(env);
  record.Set("service", asked.service);
  record.Set("realm", asked.realm);
  record.Set("kdcs", asked.kdcs);
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

// --- What the command `kpass doctor` calls: each at work until it returns ----

const Settings& SettingsOf(Napi::Value value) {
  return *value.As<Napi::External<Settings>>().Data();
}

Napi::Object FindingRecord(Napi::Env env, const Finding& finding) {
  Napi::Object record = Napi::Object::New(env);
  record.Set("step", finding.step);
  record.Set("code", finding.code);
  record.Set("message", finding.message);
  return record;
}

// configValues(settings, section, name, tag): { step, code, message, values }.
Napi::Value ConfigValues(const Napi::CallbackInfo& info) {
  const std::optional<std::string> tag = OptionalText(info[3]);
  const ConfigFinding finding =
      ReadConfig(SettingsOf(info[0]).config, TextOf(info[1]).c_str(),
                 TextOf(info[2]).c_str(), tag ? tag->c_str() : nullptr);
  Napi::Object record = FindingRecord(info.Env(), finding);
  record.Set("values", finding.values);
  return record;
}

// keytabKeys(settings): { step, code, message, keytab, keys }.
Napi::Value KeytabKeys(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const KeytabFinding finding = ReadKeytab(SettingsOf(info[0]));
  Napi::Array keys = Napi::Array::New(env);
  for (const KeytabKey& key : finding.keys) {
    Napi::Object record = Napi::Object::New(env);
    record.Set("principal", key.principal);
    record.Set("version", key.version);
    record.Set("enctype", key.enctype);
    keys.Set(keys.Length(), record);
  }
  Napi::Object record = FindingRecord(env, finding);
  record.Set("keytab", finding.keytab);
  record.Set("keys", keys);
  return record;
}

// keytabLogin(settings, service): { step, code, message, version, enctype,
// trace }.
Napi::Value KeytabLogin(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const LoginFinding finding =
      LogInWithKeytab(SettingsOf(info[0]), TextOf(info[1]));
  Napi::Array trace = Napi::Array::New(env);
  for (const std::string& line : finding.trace) {
    trace.Set(trace.Length(), Napi::String::New(env, line));
  }
  Napi::Object record = FindingRecord(env, finding);
  record.Set("version", finding.version);
  record.Set("enctype", finding.enctype);
  record.Set("trace", trace);
  return record;
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
  exports.Set("configValues", Napi::Function::New(env, ConfigValues));
  exports.Set("keytabKeys", Napi::Function::New(env, KeytabKeys));
  exports.Set("keytabLogin", Napi::Function::New(env, KeytabLogin));
  return exports;
}

}  // namespace

NODE_API_MODULE(kpass, Init)

}  // namespace kpass
