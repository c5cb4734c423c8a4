#include "recording.h"

#include <stdlib.h>
#include <time.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <string_view>
#include <utility>

#include "der.h"

namespace kpass::fuzz {
namespace {

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(byte) >> 4];
    hex += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return hex;
}

std::string Unhex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

// The ciphertext of the ticket for the service, which is in the last reply.
std::string TicketOf(const Recording& recording) {
  if (recording.replies.empty()) return "";
  std::vector<Element> message;
  if (!ParseElements(recording.replies.back(), &message)) return "";
  const unsigned char tag = message.front().tag;
  const Element* cipher =
      Find(message, {tag, 0x30, 0xa5, 0x61, 0x30, 0xa3, 0x30, 0xa2, 0x04});
  if (cipher == nullptr) return "";
  // Without the framing: libkrb5 reads several kinds of it.
  return cipher->content + Encode(cipher->children);
}

// The lines of a recording that hold the keytab's keys.
std::string KeysOf(const std::string& name) {
  krb5_context context = nullptr;
  krb5_keytab keytab = nullptr;
  krb5_kt_cursor cursor = nullptr;
  krb5_keytab_entry entry = {};
  std::ostringstream lines;
  if (krb5_init_context(&context) != 0 ||
      krb5_kt_resolve(context, name.c_str(), &keytab) != 0 ||
      krb5_kt_start_seq_get(context, keytab, &cursor) != 0) {
    Violated("no such keytab");
  }
  while (krb5_kt_next_entry(context, keytab, &entry, &cursor) == 0) {
    const std::string_view key(reinterpret_cast<char*>(entry.key.contents),
                               entry.key.length);
    lines << "key " << entry.vno << " " << entry.key.enctype << " " << Hex(key)
          << "\n";
    krb5_free_keytab_entry_contents(context, &entry);
  }
  krb5_kt_end_seq_get(context, keytab, &cursor);
  krb5_kt_close(context, keytab);
  krb5_free_context(context);
  return lines.str();
}

}  // namespace

std::string Describe(const Outcome& outcome) {
  if (outcome.verified) return "verified " + outcome.principal;
  return std::string(outcome.step) + " " + std::to_string(outcome.code);
}

bool Verified(const Recording& recording) {
  return recording.outcome.rfind("verified ", 0) == 0;
}

Ref<Settings> SettingsFor(const Config& config, const std::string& keytab,
                          bool canonicalize, bool libkrb5_transport) {
  Ref<Settings> settings(new Settings);
  settings->service = "HTTP";
  settings->host = "localhost";
  settings->keytab = keytab;
  settings->canonicalize = canonicalize;
  settings->libkrb5_transport = libkrb5_transport;
  settings->config = config;
  return settings;
}

Outcome Verify(const Ref<Settings>& settings, const std::string& user,
               const std::string& password) {
  static KeptContext* const kept = new KeptContext;
  Secret secret(password.size());
  password.copy(secret.data(), password.size());
  return Verification(settings, user, std::move(secret)).Run(*kept);
}

std::string KeytabOf(const Recording& recording) {
  return "MEMORY:" + recording.name;
}

Recording Load(const std::filesystem::path& path) {
  Recording recording;
  recording.name = path.stem();
  recording.random = std::hash<std::string>()(recording.name) | 1;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t space = line.find(' ');
    const std::string word = line.substr(0, space);
    const std::string value = line.substr(space + 1);
    if (word == "user") recording.user = value;
    if (word == "password") recording.password = value;
    if (word == "canonicalize") recording.canonicalize = value == "1";
    if (word == "clock") recording.clock = std::stoll(value);
    if (word == "random") recording.random = std::stoull(value);
    if (word == "service") recording.service = value;
    if (word == "reply") recording.replies.push_back(Unhex(value));
    if (word == "outcome") recording.outcome = value;
    if (word == "key") {
      krb5_kvno kvno = 0;
      krb5_enctype type = 0;
      std::string key;
      std::istringstream(value) >> kvno >> type >> key;
      AddToKeytab(KeytabOf(recording), recording.service, kvno, type,
                  Unhex(key));
    }
  }
  recording.ticket = TicketOf(recording);
  if (Verified(recording) && recording.ticket.empty()) {
    Violated("a recording has no ticket");
  }
  return recording;
}

void Record(char** argv, bool canonicalize) {
  const std::filesystem::path path = argv[0];
  Config config = StageConfig();
  config.files = {argv[1]};
  const std::string user = argv[3];
  const std::string password = argv[4];

  std::ostringstream replies;
  Stage& stage = TheStage();
  stage.clock = ::time(nullptr);
  const uint64_t random = std::hash<std::string>()(path.stem()) | 1;
  stage.random = random;
  stage.on_reply = [&](std::string_view reply) {
    replies << "reply " << Hex(reply) << "\n";
  };
  const Outcome outcome =
      Verify(SettingsFor(config, argv[2], canonicalize, true), user, password);
  std::ofstream(path) << "user " << user << "\npassword " << password
                      << "\ncanonicalize " << canonicalize << "\nclock "
                      << stage.clock << "\nrandom " << random << "\nservice "
                      << outcome.asked.service << "\n"
                      << KeysOf(argv[2]) << replies.str() << "outcome "
                      << Describe(outcome) << "\n";
  exit(0);
}

}  // namespace kpass::fuzz
