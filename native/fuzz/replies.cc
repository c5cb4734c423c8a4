// Fuzzes what a KDC answers. Real exchanges, recorded, are played back to a
// whole verification, after some of their replies were changed.
//
// What must hold: verified comes out only of a recording that ended so, for the
// user that it was about, and with the very ticket that the realm's KDC made.
// (Not: only of unchanged replies. What a KDC says without proof, such as the
// text of an error, may change.) And unchanged, each recording ends as it did.
//
//   replies --record FILE CONFIG KEYTAB USER PASSWORD [canonicalize]
//
// has a verification with a real KDC and writes it down; scripts/fuzz --record
// does so for all of them. A recording is text, one word and a value a line,
// and holds the made-up keys that it needs.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "der.h"
#include "mutate.h"
#include "net/message.h"
#include "stage.h"

namespace kpass::fuzz {
namespace {

// What is encrypted for the client: parts of an AS-REP, of a TGS-REP, with
// either of two keys, and of a reply within FAST. RFC 4120, 7.5.1; RFC 6113, 5.
constexpr std::array kForClient = {3, 8, 9, 52};

struct Lock {
  krb5_keyusage usage = 0;
  krb5_enctype type = 0;
  std::string key;

  bool operator==(const Lock& other) const {
    return usage == other.usage && type == other.type && key == other.key;
  }
};

krb5_keyblock KeyOf(const Lock& lock) {
  krb5_keyblock key = {};
  key.enctype = lock.type;
  key.length = static_cast<unsigned>(lock.key.size());
  key.contents = reinterpret_cast<krb5_octet*>(const_cast<char*>(&lock.key[0]));
  return key;
}

struct Recording {
  std::string name;
  std::string user;
  std::string password;
  bool canonicalize = false;
  int64_t clock = 0;
  uint64_t random = 0;
  std::string service;  // the principal whose keys the keytab has
  std::vector<std::string> replies;
  std::string outcome;

  // Made of the above.
  std::string ticket;  // what only the realm's KDC can have encrypted
  // What the client has opened, and so can who knows the password.
  std::vector<Lock> locks;
};

std::vector<Recording>& Recordings() {
  static auto* const all = new std::vector<Recording>;
  return *all;
}

// --- Hexadecimal, and what else a recording is written in --------------------

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

std::string Describe(const Outcome& outcome) {
  if (outcome.verified) return "verified " + outcome.principal;
  return std::string(outcome.step) + " " + std::to_string(outcome.code);
}

bool Verified(const Recording& recording) {
  return recording.outcome.rfind("verified ", 0) == 0;
}

// --- A verification on the stage ---------------------------------------------

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

struct Playback {
  Outcome outcome;
  std::string delivered;  // all the replies that were asked for
};

// What holds of the transport, whatever comes.
void CheckNetwork(const Network& network) {
  if (network.Sockets() != 0) Violated("a socket is left open");
  for (const auto& [message, addresses] : network.Reached()) {
    if (addresses.size() > 1 && Is(MessageType::kAsReq, message) &&
        MayProvePassword(message)) {
      Violated("a proof of the password went to two KDCs");
    }
  }
}

Playback Play(const Recording& recording,
              const std::vector<std::string>& replies, Weather weather) {
  static const Config* const config = new Config(StageConfig());
  Playback playback;
  size_t next = 0;
  Stage& stage = TheStage();
  stage.clock = recording.clock;
  stage.random = recording.random;
  stage.network.Use(
      [&](std::string_view) -> std::optional<std::string> {
        if (next == replies.size()) return std::nullopt;
        playback.delivered += replies[next];
        return replies[next++];
      },
      weather);
  playback.outcome =
      Verify(SettingsFor(*config, KeytabOf(recording), recording.canonicalize,
                         !weather.OwnTransport()),
             recording.user, recording.password);
  CheckNetwork(stage.network);
  stage.network.Use(nullptr, weather);
  return playback;
}

// --- Recordings --------------------------------------------------------------

// The encrypted part of the ticket for the service: the last reply's.
std::string TicketOf(const Recording& recording) {
  if (recording.replies.empty()) return "";
  std::vector<Element> message;
  if (!ParseElements(recording.replies.back(), &message)) return "";
  const unsigned char tag = message.front().tag;
  const Element* cipher =
      Find(message, {tag, 0x30, 0xa5, 0x61, 0x30, 0xa3, 0x30, 0xa2, 0x04});
  if (cipher == nullptr) return "";
  // Without its framing, of which libkrb5 reads more kinds than one.
  return cipher->content + Encode(cipher->children);
}

std::optional<std::string> Decrypted(const Lock& lock,
                                     const std::string& cipher) {
  const krb5_keyblock key = KeyOf(lock);
  krb5_enc_data encrypted = {};
  encrypted.enctype = key.enctype;
  encrypted.ciphertext = DataOf(cipher);
  std::string text(cipher.size(), '\0');
  krb5_data plain = DataOf(text);
  if (krb5_c_decrypt(nullptr, &key, lock.usage, nullptr, &encrypted, &plain) !=
      0) {
    return std::nullopt;
  }
  text.resize(plain.length);
  return text;
}

std::optional<std::string> Encrypted(const Lock& lock,
                                     const std::string& text) {
  const krb5_keyblock key = KeyOf(lock);
  size_t length = 0;
  if (krb5_c_encrypt_length(nullptr, key.enctype, text.size(), &length) != 0) {
    return std::nullopt;
  }
  std::string cipher(length, '\0');
  krb5_enc_data encrypted = {};
  encrypted.ciphertext = DataOf(cipher);
  const krb5_data plain = DataOf(text);
  if (krb5_c_encrypt(nullptr, &key, lock.usage, nullptr, &plain, &encrypted) !=
      0) {
    return std::nullopt;
  }
  return cipher;
}

void Load(const std::filesystem::path& path) {
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
  Recordings().push_back(std::move(recording));
}

// As it was recorded, by any transport, whatever the weather.
void CheckPlays(const Recording& recording, int bits) {
  const Weather weather(static_cast<uint8_t>(bits));
  if (weather.Misframed()) return;
  const std::string outcome =
      Describe(Play(recording, recording.replies, weather).outcome);
  if (outcome == recording.outcome) return;
  fprintf(stderr, "%s: recorded %s, played back %s\n", recording.name.c_str(),
          recording.outcome.c_str(), outcome.c_str());
  Violated("a recording does not play");
}

// With the user's keys a fuzzer, like a user, can read the KDC's replies, and
// write others.
void FindLocks(Recording* recording) {
  TheStage().on_decrypted = [recording](const krb5_keyblock& key,
                                        krb5_keyusage usage) {
    if (std::find(kForClient.begin(), kForClient.end(), usage) ==
        kForClient.end()) {
      return;
    }
    Lock lock{usage, key.enctype,
              std::string(reinterpret_cast<char*>(key.contents), key.length)};
    std::vector<Lock>& known = recording->locks;
    if (std::find(known.begin(), known.end(), lock) == known.end()) {
      known.push_back(std::move(lock));
    }
  };
  Play(*recording, recording->replies, Weather(1));
  TheStage().on_decrypted = nullptr;
  if (Verified(*recording) && recording->locks.empty()) {
    Violated("a recording has nothing for the client");
  }
}

void LoadAll() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(
           KPASS_NATIVE_DIR "/fuzz/recordings")) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) Load(path);
  // After this, string-to-key knows every password.
  for (const Recording& recording : Recordings()) {
    // The one with the most exchanges, however its replies come.
    const int weathers = recording.name == "tgt" ? UINT8_MAX + 1 : 2;
    for (int bits = 0; bits < weathers; ++bits) CheckPlays(recording, bits);
  }
  for (Recording& recording : Recordings()) FindLocks(&recording);
  TheStage().quick_keys = true;
}

// Writes the keytab's keys into the recording.
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

[[noreturn]] void Record(char** argv, bool canonicalize) {
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
                      << outcome.service << "\n"
                      << KeysOf(argv[2]) << replies.str() << "outcome "
                      << Describe(outcome) << "\n";
  exit(0);
}

// --- Changing replies --------------------------------------------------------

// A fuzzer's input: which recording, how its replies come, and what they are,
// each after its length.
struct Input {
  const Recording* recording = nullptr;
  uint8_t weather = 0;
  std::vector<std::string> replies;
};

std::string Serialize(const Input& input) {
  std::string bytes{static_cast<char>(input.recording - &Recordings()[0]),
                    static_cast<char>(input.weather)};
  for (const std::string& reply : input.replies) {
    bytes += static_cast<char>(reply.size() >> 8);
    bytes += static_cast<char>(reply.size() & 0xff);
    bytes += reply;
  }
  return bytes;
}

// Any bytes are an input. The empty one is the first recording, as it was.
Input Deserialize(std::string_view bytes) {
  Input input;
  const auto take = [&bytes] {
    if (bytes.empty()) return size_t{0};
    const auto first = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    return size_t{first};
  };
  input.recording = &Recordings()[take() % Recordings().size()];
  input.weather = static_cast<uint8_t>(take());
  if (bytes.empty()) input.replies = input.recording->replies;
  while (bytes.size() >= 2) {
    const size_t said =
        static_cast<size_t>(static_cast<unsigned char>(bytes[0]) << 8 |
                            static_cast<unsigned char>(bytes[1]));
    bytes.remove_prefix(2);
    input.replies.emplace_back(bytes.substr(0, said));
    bytes.remove_prefix(std::min(said, bytes.size()));
  }
  return input;
}

// A reply of some recording, for its elements.
const std::string& AnyReply(Random& random) {
  static const auto* const all = [] {
    auto* replies = new std::vector<std::string>;
    for (const Recording& recording : Recordings()) {
      replies->insert(replies->end(), recording.replies.begin(),
                      recording.replies.end());
    }
    return replies;
  }();
  return (*all)[Below(all->size(), random)];
}

// What a user could do who answers in the KDC's place: opens a part of a reply
// that is encrypted for the client, changes it, and closes it again.
bool MutateEncrypted(const Recording& recording, std::string* message,
                     Random& random) {
  std::vector<Element> tree;
  if (recording.locks.empty() || !ParseElements(*message, &tree)) return false;
  const Lock& lock = recording.locks[Below(recording.locks.size(), random)];
  std::vector<Place> places;
  Collect(&tree, &places);
  for (const auto& [row, at] : places) {
    Element& element = (*row)[at];
    if (element.tag != 0x04 || element.IsTree()) continue;
    auto text = Decrypted(lock, element.content);
    if (!text) continue;
    if (!MutateElement(&*text, AnyReply(random), random)) return false;
    TheStage().random = random() | 1;
    auto closed = Encrypted(lock, *text);
    if (!closed) return false;
    element.content = std::move(*closed);
    *message = Encode(tree);
    return true;
  }
  return false;
}

void MutateInput(Input* input, Random& random) {
  std::vector<std::string>& replies = input->replies;
  const auto& all = Recordings();
  if (replies.empty()) {
    replies = input->recording->replies;
    return;
  }
  const size_t at = Below(replies.size(), random);
  switch (Below(16, random)) {
    case 0:
      replies.erase(replies.begin() + static_cast<long>(at));
      return;
    case 1:
      replies.insert(replies.begin() + static_cast<long>(at), replies[at]);
      return;
    case 2:
      replies[at] = AnyReply(random);
      return;
    case 3:  // begin anew, with another recording
      input->recording = &all[Below(all.size(), random)];
      replies = input->recording->replies;
      return;
    case 4:
      MutateBytes(&replies[at]);
      return;
    case 5:
    case 6:
    case 7:
    case 8:
      if (MutateEncrypted(*input->recording, &replies[at], random)) return;
      break;
    default:
      break;
  }
  if (!MutateElement(&replies[at], AnyReply(random), random)) {
    MutateBytes(&replies[at]);
  }
}

}  // namespace
}  // namespace kpass::fuzz

extern "C" {

int LLVMFuzzerInitialize(int* argc, char*** argv) {
  char** args = *argv;
  if (*argc >= 7 && strcmp(args[1], "--record") == 0) {
    kpass::fuzz::Record(args + 2, *argc > 7);
  }
  kpass::fuzz::LoadAll();
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most,
                               unsigned seed) {
  using namespace kpass::fuzz;
  Random random(seed);
  Input input = Deserialize({reinterpret_cast<char*>(data), size});
  // From near the recordings more often than from far away.
  if (Below(4, random) == 0) {
    input.recording = &Recordings()[Below(Recordings().size(), random)];
    input.replies = input.recording->replies;
  }
  // Mostly fair, by either transport.
  const size_t weathers = Below(4, random) == 0 ? UINT8_MAX + 1 : 2;
  input.weather = static_cast<uint8_t>(Below(weathers, random));
  for (size_t times = 1 + Below(3, random); times > 0; --times) {
    MutateInput(&input, random);
  }
  const std::string bytes = Serialize(input);
  const size_t length = std::min(most, bytes.size());
  memcpy(data, bytes.data(), length);
  return length;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kpass::fuzz;
  const Input input = Deserialize({reinterpret_cast<const char*>(data), size});
  const Recording& recording = *input.recording;
  const Playback playback =
      Play(recording, input.replies, Weather(input.weather));
  if (playback.outcome.verified) {
    if (!Verified(recording)) Violated("verified what was not");
    if (Describe(playback.outcome) != recording.outcome) {
      Violated("verified somebody else");
    }
    if (playback.delivered.find(recording.ticket) == std::string::npos) {
      Violated("verified without the KDC's ticket");
    }
  }
  return 0;
}

}  // extern "C"
