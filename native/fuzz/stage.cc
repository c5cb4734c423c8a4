#include "stage.h"

#include <dlfcn.h>
#include <sanitizer/lsan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "base/exit_gate.h"

namespace kpass::fuzz {
namespace {

// The library's own function. A definition below has taken its place.
template <typename Function>
Function* Real(const char* name, Function*) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

template <typename Hook>
struct Hooked {
  Hook hook = nullptr;
  void* data = nullptr;
};

Hooked<krb5_pre_send_fn> g_send;
Hooked<krb5_post_recv_fn> g_recv;

// If the core did not carry the message itself, the stage's network carries it,
// and calls the hooks as libkrb5's sendto_kdc.c does. libkrb5 does not call the
// receive hook for a reply from a send hook, so OnSend calls it.
krb5_error_code OnSend(krb5_context context, void*, const krb5_data* realm,
                       const krb5_data* message, krb5_data** new_message,
                       krb5_data** new_reply) {
  if (g_send.hook == nullptr) return 0;
  Network& network = TheStage().network;
  network.BeginExchange();
  krb5_error_code code =
      g_send.hook(context, g_send.data, realm, message, new_message, new_reply);
  if (code != 0 || *new_reply != nullptr || !network.IsThere()) return code;

  const std::optional<std::string>& reply = network.Answer(View(*message));
  krb5_data bytes = DataOf(reply ? *reply : std::string_view());
  krb5_data* replacement = nullptr;
  code = g_recv.hook(context, g_recv.data, reply ? 0 : KRB5_KDC_UNREACH, realm,
                     message, reply ? &bytes : nullptr, &replacement);
  if (code == 0 && replacement == nullptr) {
    code = krb5_copy_data(context, &bytes, &replacement);
  }
  *new_reply = replacement;
  return code;
}

krb5_error_code OnReply(krb5_context context, void*, krb5_error_code code,
                        const krb5_data* realm, const krb5_data* message,
                        const krb5_data* reply, krb5_data** new_reply) {
  if (code == 0 && TheStage().on_reply) TheStage().on_reply(View(*reply));
  if (g_recv.hook == nullptr) return code;
  return g_recv.hook(context, g_recv.data, code, realm, message, reply,
                     new_reply);
}

}  // namespace

Stage& TheStage() {
  static Stage* const stage = new Stage;
  return *stage;
}

const std::string& Folder() {
  static const auto* const folder = [] {
    auto* path = new std::string(std::filesystem::temp_directory_path() /
                                 "kpass-XXXXXX");
    if (mkdtemp(path->data()) == nullptr) abort();
    return path;
  }();
  static const bool registered =
      atexit([] { std::filesystem::remove_all(Folder()); }) == 0;
  (void)registered;
  return *folder;
}

Config StageConfig() {
  const std::string path = Folder() + "/krb5.conf";
  std::ofstream(path) << "[libdefaults]\n"
                         "default_realm = EXAMPLE.COM\n"
                         "dns_lookup_kdc = false\n"
                         "dns_lookup_realm = false\n"
                         "dns_canonicalize_hostname = false\n"
                         "rdns = false\n"
                         "[realms]\n"
                         "EXAMPLE.COM = {\n"
                         " kdc = 127.0.0.1:1\n kdc = 127.0.0.2:1\n}\n"
                         "OTHER.EXAMPLE = {\n kdc = 127.0.0.1:1\n}\n";
  Config config;
  config.first = KPASS_NATIVE_DIR "/conf/first.conf";
  config.files = {path};
  config.last = KPASS_NATIVE_DIR "/conf/last.conf";
  config.named = true;
  return config;
}

void AddToKeytab(const std::string& name, const std::string& principal,
                 krb5_kvno kvno, krb5_enctype type, const std::string& key) {
  static krb5_context context = [] {
    krb5_context made = nullptr;
    if (krb5_init_context(&made) != 0) abort();
    return made;
  }();
  krb5_keytab keytab = nullptr;  // never closed: closing would empty it
  krb5_keytab_entry entry = {};
  if (krb5_kt_resolve(context, name.c_str(), &keytab) != 0 ||
      krb5_parse_name(context, principal.c_str(), &entry.principal) != 0) {
    abort();
  }
  entry.vno = kvno;
  entry.key.enctype = type;
  entry.key.length = static_cast<unsigned>(key.size());
  entry.key.contents =
      reinterpret_cast<krb5_octet*>(const_cast<char*>(key.data()));
  if (krb5_kt_add_entry(context, keytab, &entry) != 0) abort();
  krb5_free_principal(context, entry.principal);
  static auto* const kept = new std::map<krb5_keytab, bool>;
  (*kept)[keytab] = true;  // so that LeakSanitizer finds it
}

void Violated(const char* what) {
  fprintf(stderr, "VIOLATED: %s\n", what);
  abort();
}

}  // namespace kpass::fuzz

// --- Definitions in place of those of libkrb5, libk5crypto and libc ----------

using kpass::fuzz::Network;
using kpass::fuzz::TheStage;

extern "C" {

// No public header declares this function.
krb5_error_code krb5_crypto_us_timeofday(krb5_timestamp*, krb5_int32*);

#define EXPORT __attribute__((visibility("default")))

EXPORT void krb5_set_kdc_send_hook(krb5_context context, krb5_pre_send_fn hook,
                                   void* data) {
  static auto* const real =
      kpass::fuzz::Real("krb5_set_kdc_send_hook", krb5_set_kdc_send_hook);
  kpass::fuzz::g_send = {hook, data};
  real(context, hook == nullptr ? nullptr : kpass::fuzz::OnSend, nullptr);
}

EXPORT void krb5_set_kdc_recv_hook(krb5_context context, krb5_post_recv_fn hook,
                                   void* data) {
  static auto* const real =
      kpass::fuzz::Real("krb5_set_kdc_recv_hook", krb5_set_kdc_recv_hook);
  kpass::fuzz::g_recv = {hook, data};
  real(context, hook == nullptr ? nullptr : kpass::fuzz::OnReply, nullptr);
}

EXPORT krb5_error_code krb5_c_random_make_octets(krb5_context context,
                                                 krb5_data* data) {
  static auto* const real =
      kpass::fuzz::Real("krb5_c_random_make_octets", krb5_c_random_make_octets);
  if (TheStage().random == 0) return real(context, data);
  uint64_t z = TheStage().random;
  for (unsigned i = 0; i < data->length; ++i) {
    z = z * 6364136223846793005 + 1442695040888963407;  // Knuth's MMIX
    data->data[i] = static_cast<char>(z >> 56);
  }
  return 0;
}

EXPORT krb5_error_code krb5_c_decrypt(krb5_context context,
                                      const krb5_keyblock* key,
                                      krb5_keyusage usage,
                                      const krb5_data* state,
                                      const krb5_enc_data* in, krb5_data* out) {
  static auto* const real = kpass::fuzz::Real("krb5_c_decrypt", krb5_c_decrypt);
  const krb5_error_code code = real(context, key, usage, state, in, out);
  if (code == 0 && TheStage().on_decrypted)
    TheStage().on_decrypted(*key, usage);
  return code;
}

EXPORT krb5_error_code krb5_c_string_to_key_with_params(
    krb5_context context, krb5_enctype type, const krb5_data* string,
    const krb5_data* salt, const krb5_data* params, krb5_keyblock* key) {
  static auto* const real = kpass::fuzz::Real(
      "krb5_c_string_to_key_with_params", krb5_c_string_to_key_with_params);
  static auto* const known = new std::map<std::string, std::string>;

  std::string asked = std::to_string(type);
  for (const krb5_data* data : {string, salt, params}) {
    if (data == nullptr) continue;
    asked += '|' + std::to_string(data->length) + ':';
    asked += kpass::View(*data);
  }
  auto entry = known->find(asked);
  if (entry == known->end() && !TheStage().quick_keys) {
    const krb5_error_code code = real(context, type, string, salt, params, key);
    if (code == 0) {
      __lsan_ignore_object(key->contents);
      (*known)[asked] = {reinterpret_cast<char*>(key->contents), key->length};
    }
    return code;
  }
  std::string bytes;
  if (entry != known->end()) {
    bytes = entry->second;
  } else {
    size_t entropy = 0;
    size_t length = 0;
    const krb5_error_code code =
        krb5_c_keylengths(context, type, &entropy, &length);
    if (code != 0) return code;
    bytes = std::to_string(std::hash<std::string>()(asked));
    bytes.resize(length, '#');
  }
  auto* contents = static_cast<krb5_octet*>(malloc(bytes.size()));
  if (contents == nullptr) return ENOMEM;
  // After some changed replies, libkrb5's krb5_get_as_key_password leaks this
  // key.
  __lsan_ignore_object(contents);
  memcpy(contents, bytes.data(), bytes.size());
  key->magic = KV5M_KEYBLOCK;
  key->enctype = type;
  key->length = static_cast<unsigned>(bytes.size());
  key->contents = contents;
  return 0;
}

// Whole seconds. libkrb5's own function never returns the same time twice, so
// each message would depend on the ones before it.
EXPORT krb5_error_code krb5_crypto_us_timeofday(krb5_timestamp* seconds,
                                                krb5_int32* microseconds) {
  *seconds = static_cast<krb5_timestamp>(time(nullptr));
  *microseconds = 0;
  return 0;
}

EXPORT krb5_error_code krb5_us_timeofday(krb5_context, krb5_timestamp* seconds,
                                         krb5_int32* microseconds) {
  return krb5_crypto_us_timeofday(seconds, microseconds);
}

EXPORT time_t time(time_t* now) noexcept {
  timespec real = {};
  clock_gettime(CLOCK_REALTIME, &real);
  const int64_t clock = TheStage().clock;
  const time_t value = clock != 0 ? clock : real.tv_sec;
  if (now != nullptr) *now = value;
  return value;
}

// The simulated network's time passes for everybody.
EXPORT int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static auto* const real = kpass::fuzz::Real("clock_gettime", clock_gettime);
  const int code = real(clock, now);
  if (code != 0 || clock != CLOCK_MONOTONIC) return code;
  constexpr int64_t kMillisecond = 1'000'000;
  const int64_t passed =
      now->tv_nsec + TheStage().network.Milliseconds() * kMillisecond;
  now->tv_sec += passed / (1000 * kMillisecond);
  now->tv_nsec = passed % (1000 * kMillisecond);
  return 0;
}

EXPORT int socket(int domain, int type, int protocol) noexcept {
  static auto* const real = kpass::fuzz::Real("socket", socket);
  Network& network = TheStage().network;
  return network.IsThere() ? network.Open(type) : real(domain, type, protocol);
}

EXPORT int connect(int fd, const sockaddr* address, socklen_t size) {
  static auto* const real = kpass::fuzz::Real("connect", connect);
  Network& network = TheStage().network;
  return network.Has(fd) ? network.Connect(fd, address, size)
                         : real(fd, address, size);
}

EXPORT ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  static auto* const real = kpass::fuzz::Real("send", send);
  Network& network = TheStage().network;
  return network.Has(fd)
             ? network.Send(fd, static_cast<const char*>(bytes), size)
             : real(fd, bytes, size, flags);
}

EXPORT ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  static auto* const real = kpass::fuzz::Real("recv", recv);
  Network& network = TheStage().network;
  return network.Has(fd)
             ? network.Receive(fd, static_cast<char*>(bytes), size, flags)
             : real(fd, bytes, size, flags);
}

EXPORT int poll(pollfd* polled, nfds_t count, int timeout) {
  static auto* const real = kpass::fuzz::Real("poll", poll);
  Network& network = TheStage().network;
  if (!network.IsThere()) return real(polled, count, timeout);
  int ready = 0;
  if (!network.Poll(polled, count, timeout, &ready)) {
    kpass::fuzz::Violated("waits for ever");
  }
  return ready;
}

EXPORT int close(int fd) {
  static auto* const real = kpass::fuzz::Real("close", close);
  if (fd < Network::kFirst) return real(fd);
  TheStage().network.Close(fd);
  return 0;
}

EXPORT int gettimeofday(timeval* now, void*) noexcept {
  *now = {time(nullptr), 0};
  return 0;
}

}  // extern "C"
