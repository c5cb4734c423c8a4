// Fuzzes the text that reaches the core: user, password, service, host, keytab,
// realms, and the path of a krb5.conf. No KDC answers.
//
// These rules must hold:
// - nothing is verified;
// - no message is sent for a name or a password that must be refused;
// - each message that is sent asks for exactly the principal in the text.

#include <fuzzer/FuzzedDataProvider.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "der.h"
#include "stage.h"

namespace kpass::fuzz {
namespace {

constexpr char kKeytab[] = "MEMORY:strings";
constexpr std::array kRealms = {"EXAMPLE.COM", "OTHER.EXAMPLE"};

// The messages of this verification so far.
std::vector<std::string>& Requests() {
  static auto* const requests = new std::vector<std::string>;
  return *requests;
}

std::string Text(FuzzedDataProvider& from) {
  return from.ConsumeRandomLengthString(1200);
}

// A file name that does not lead out of this folder.
std::string FileName(FuzzedDataProvider& from) {
  std::string name = Text(from);
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

std::string KeytabName(FuzzedDataProvider& from) {
  constexpr std::array kTypes = {"", "FILE:", "WRFILE:", "MEMORY:", "SRVTAB:"};
  const char* const type = kTypes[from.ConsumeIntegralInRange<size_t>(0, 4)];
  return type + FileName(from);
}

bool Contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// The principal to ask for, by the suffix of the user's name. Empty: none.
std::string AskedName(const std::string& user, const Settings& settings) {
  const std::string home = kRealms.front();
  const size_t at = user.find('@');
  if (at == std::string::npos) return user + "@" + home;
  const std::string suffix = user.substr(at + 1);
  if (Contains(settings.realms, suffix)) return user;
  if (settings.realms.empty() &&
      strcasecmp(suffix.c_str(), home.c_str()) == 0) {
    return user.substr(0, at + 1) + home;
  }
  const bool upn =
      settings.canonicalize && Contains(settings.upn_suffixes, suffix);
  return upn ? user + "@" + home : "";
}

// Whether the core itself must refuse the input, although JavaScript checks
// input as well.
bool MustBeRefused(const std::string& user, const std::string& password) {
  const size_t at = user.find('@');
  return user.empty() || user.size() > 256 || at == 0 || user.front() == ' ' ||
         user[std::min(at, user.size()) - 1] == ' ' ||
         user.find_first_of(std::string_view("\0\n\\\x7f", 4)) !=
             std::string::npos ||
         std::count(user.begin(), user.end(), '@') > 1 ||
         strncasecmp(user.c_str(), "WELLKNOWN/", 10) == 0 || password.empty() ||
         password.size() > 1024 || password.find('\0') != std::string::npos;
}

// The principal in an AS-REQ (RFC 4120, 5.4.1) as text.
std::string PrincipalIn(const std::string& request) {
  std::vector<Element> message;
  if (!ParseElements(request, &message)) Violated("a request that is not DER");
  const Element* names =
      Find(message, {0x6a, 0x30, 0xa4, 0x30, 0xa1, 0x30, 0xa1, 0x30});
  const Element* realm = Find(message, {0x6a, 0x30, 0xa4, 0x30, 0xa2, 0x1b});
  if (names == nullptr || realm == nullptr) Violated("a request without names");
  std::string text;
  for (const Element& name : names->children) {
    if (&name != &names->children.front()) text += '/';
    text += name.content;
  }
  return text + "@" + realm->content;
}

}  // namespace
}  // namespace kpass::fuzz

extern "C" {

int LLVMFuzzerInitialize(int*, char***) {
  using namespace kpass::fuzz;
  AddToKeytab(kKeytab, "HTTP/localhost@EXAMPLE.COM", 1,
              ENCTYPE_AES256_CTS_HMAC_SHA1_96, std::string(32, 'k'));
  TheStage().quick_keys = true;
  TheStage().network.Use(
      [](std::string_view request) {
        Requests().emplace_back(request);
        return std::nullopt;
      },
      Weather(0));
  (void)StageConfig();
  return chdir(Folder().c_str());
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kpass;
  using namespace kpass::fuzz;
  static const Config* const config = new Config(StageConfig());
  static KeptContext* const kept = new KeptContext;
  FuzzedDataProvider from(data, size);

  // Usually the settings are valid: otherwise the user's text would not matter.
  const auto oddities = from.ConsumeIntegral<uint8_t>();
  const Ref<Settings> settings(new Settings);
  settings->config = *config;
  settings->canonicalize = (oddities & 1) != 0;
  settings->libkrb5_transport = (oddities & 32) != 0;
  if ((oddities & 7) == 1) settings->config.files.push_back(FileName(from));
  settings->service = (oddities & 7) == 2 ? Text(from) : "HTTP";
  settings->host = (oddities & 7) == 4 ? Text(from) : "localhost";
  settings->keytab = (oddities & 7) == 6 ? KeytabName(from) : kKeytab;
  if ((oddities & 8) != 0) {
    settings->realms = {kRealms.begin(), kRealms.end()};
    if ((oddities & 16) != 0) settings->realms.push_back(Text(from));
  }
  if ((oddities & 64) != 0) settings->upn_suffixes = {"corp.example"};
  const std::string user = Text(from);
  const std::string password = from.ConsumeRemainingBytesAsString();

  Secret secret(password.size());
  password.copy(secret.data(), password.size());
  Requests().clear();
  const Outcome outcome =
      Verification(settings, user, std::move(secret)).Run(*kept);

  if (outcome.verified) Violated("verified without a KDC");
  if (Requests().empty()) return 0;
  const std::string asked = AskedName(user, *settings);
  if (asked.empty() || MustBeRefused(user, password)) {
    Violated("a message left");
  }
  for (const std::string& request : Requests()) {
    if (PrincipalIn(request) != asked) Violated("asked for somebody else");
  }
  return 0;
}

}  // extern "C"
