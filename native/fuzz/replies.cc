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
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "der.h"
#include "stage.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace kpass::fuzz {
namespace {

constexpr size_t kLongestReply = 4096;
constexpr krb5_keyusage kAsRepEncPart = 3;  // RFC 4120, 7.5.1

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
  krb5_keyblock client_key = {};
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
                          bool canonicalize) {
  Ref<Settings> settings(new Settings);
  settings->service = "HTTP";
  settings->host = "localhost";
  settings->keytab = keytab;
  settings->canonicalize = canonicalize;
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

Playback Play(const Recording& recording,
              const std::vector<std::string>& replies) {
  static const Config* const config = new Config(StageConfig());
  Playback playback;
  size_t next = 0;
  Stage& stage = TheStage();
  stage.clock = recording.clock;
  stage.random = recording.random;
  stage.kdc = [&](std::string_view,
                  std::string_view) -> std::optional<std::string> {
    if (next == replies.size()) return std::nullopt;
    playback.delivered += replies[next];
    return replies[next++];
  };
  playback.outcome =
      Verify(SettingsFor(*config, KeytabOf(recording), recording.canonicalize),
             recording.user, recording.password);
  stage.kdc = nullptr;
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
  return cipher == nullptr ? "" : Encode(*cipher);
}

// With the user's key a fuzzer, like a user, can read the KDC's reply, and
// write another.
void FindClientKey(Recording* recording) {
  krb5_context context = nullptr;
  if (krb5_init_context(&context) != 0) abort();
  const std::string salt =
      "EXAMPLE.COM" + recording->user.substr(0, recording->user.find('@'));
  const auto data = [](const std::string& text) {
    krb5_data value = {};
    value.data = const_cast<char*>(text.data());
    value.length = static_cast<unsigned>(text.size());
    return value;
  };
  const krb5_data password = data(recording->password);
  const krb5_data salt_data = data(salt);
  if (krb5_c_string_to_key(context, ENCTYPE_AES256_CTS_HMAC_SHA1_96, &password,
                           &salt_data, &recording->client_key) != 0) {
    abort();
  }
  krb5_free_context(context);
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
  FindClientKey(&recording);
  if (Verified(recording) && recording.ticket.empty()) {
    Violated("a recording has no ticket");
  }
  Recordings().push_back(std::move(recording));
}

void LoadAll() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(
           KPASS_NATIVE_DIR "/fuzz/recordings")) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) Load(path);
  // As they were recorded; after this, string-to-key knows every password.
  for (const Recording& recording : Recordings()) {
    const std::string outcome =
        Describe(Play(recording, recording.replies).outcome);
    if (outcome != recording.outcome) {
      fprintf(stderr, "%s: recorded %s, played back %s\n",
              recording.name.c_str(), recording.outcome.c_str(),
              outcome.c_str());
      Violated("a recording does not play");
    }
  }
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
      Verify(SettingsFor(config, argv[2], canonicalize), user, password);
  std::ofstream(path) << "user " << user << "\npassword " << password
                      << "\ncanonicalize " << canonicalize << "\nclock "
                      << stage.clock << "\nrandom " << random << "\nservice "
                      << outcome.service << "\n"
                      << KeysOf(argv[2]) << replies.str() << "outcome "
                      << Describe(outcome) << "\n";
  exit(0);
}

// --- Changing replies --------------------------------------------------------

// A fuzzer's input: which recording, and its replies, each after its length.
struct Input {
  const Recording* recording = nullptr;
  std::vector<std::string> replies;
};

std::string Serialize(const Input& input) {
  std::string bytes(1, static_cast<char>(input.recording - &Recordings()[0]));
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
  const size_t which = bytes.empty() ? 0
                                     : static_cast<unsigned char>(bytes[0]) %
                                           Recordings().size();
  input.recording = &Recordings()[which];
  if (bytes.size() <= 1) input.replies = input.recording->replies;
  if (!bytes.empty()) bytes.remove_prefix(1);
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

using Random = std::minstd_rand;

size_t Below(size_t limit, Random& random) {
  return limit == 0 ? 0 : random() % limit;
}

void MutateBytes(std::string* bytes) {
  const size_t size = bytes->size();
  bytes->resize(std::min(kLongestReply, size + 64));
  bytes->resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes->data()),
                                 std::min(size, bytes->size()), bytes->size()));
}

void Collect(std::vector<Element>* in,
             std::vector<std::pair<std::vector<Element>*, size_t>>* places) {
  for (size_t i = 0; i < in->size(); ++i) {
    places->emplace_back(in, i);
    Collect(&(*in)[i].children, places);
  }
}

// Values that mean something: the numbers of errors, encryption and
// pre-authentication types; the ends of ranges.
const std::string& Interesting(Random& random) {
  static const auto* const values =
      new std::vector<std::string>{"",
                                   std::string(1, 0),
                                   "\x01",
                                   "\x03",
                                   "\x06",
                                   "\x07",
                                   "\x0b",
                                   "\x0c",
                                   "\x12",
                                   "\x13",
                                   "\x17",
                                   "\x18",
                                   "\x19",
                                   "\x1b",
                                   "\x1d",
                                   "\x1f",
                                   "\x25",
                                   "\x29",
                                   "\x34",
                                   "\x3c",
                                   "\x44",
                                   "\x5d",
                                   "\x7f",
                                   "\xff",
                                   std::string("\0\x80", 2),
                                   "\x7f\xff\xff\xff",
                                   std::string("\x80\0\0\0", 4),
                                   "\xff\xff\xff\xff\xff",
                                   std::string(300, 'A'),
                                   "20000101000000Z",
                                   "20991231235959Z",
                                   "EXAMPLE.COM",
                                   "OTHER.EXAMPLE",
                                   "alice",
                                   "WELLKNOWN",
                                   "krbtgt"};
  return (*values)[Below(values->size(), random)];
}

// One element of the message changes, and the framing around it stays right.
bool MutateElement(std::string* message, Random& random) {
  std::vector<Element> tree;
  if (!ParseElements(*message, &tree)) return false;
  std::vector<std::pair<std::vector<Element>*, size_t>> places;
  Collect(&tree, &places);
  if (places.empty()) return false;
  const auto [siblings, at] = places[Below(places.size(), random)];
  Element& element = (*siblings)[at];
  switch (Below(8, random)) {
    case 0:
      siblings->erase(siblings->begin() + static_cast<long>(at));
      break;
    case 1: {
      Element copy = element;
      siblings->insert(siblings->begin() + static_cast<long>(at),
                       std::move(copy));
      break;
    }
    case 2:
      element.tag =
          static_cast<unsigned char>(element.tag ^ 1u << Below(8, random));
      break;
    case 3: {  // another element, of any recording
      const auto& all = Recordings();
      const auto& donor = all[Below(all.size(), random)].replies;
      std::vector<Element> other;
      if (donor.empty() ||
          !ParseElements(donor[Below(donor.size(), random)], &other)) {
        return false;
      }
      std::vector<std::pair<std::vector<Element>*, size_t>> from;
      Collect(&other, &from);
      // Of the same kind, as a rule.
      for (int tries = 0; tries < 20; ++tries) {
        const auto [row, place] = from[Below(from.size(), random)];
        if ((*row)[place].tag != element.tag && tries < 19) continue;
        element = (*row)[place];
        break;
      }
      break;
    }
    case 4:
    case 5:
      if (element.IsTree()) return false;
      element.content = Interesting(random);
      break;
    default:
      if (element.IsTree()) return false;
      MutateBytes(&element.content);
  }
  *message = Encode(tree);
  return true;
}

// What a user could do who answers in the KDC's place: opens the part of an
// AS-REP that is encrypted for the client, changes it, and closes it again.
bool MutateEncrypted(const Recording& recording, std::string* message,
                     Random& random) {
  std::vector<Element> tree;
  if (!ParseElements(*message, &tree)) return false;
  auto* cipher =
      const_cast<Element*>(Find(tree, {0x6b, 0x30, 0xa6, 0x30, 0xa2, 0x04}));
  if (cipher == nullptr || cipher->IsTree()) return false;

  krb5_enc_data encrypted = {};
  encrypted.enctype = recording.client_key.enctype;
  encrypted.ciphertext.data = cipher->content.data();
  encrypted.ciphertext.length = static_cast<unsigned>(cipher->content.size());
  std::string text(cipher->content.size(), '\0');
  krb5_data plain = {};
  plain.data = text.data();
  plain.length = static_cast<unsigned>(text.size());
  if (krb5_c_decrypt(nullptr, &recording.client_key, kAsRepEncPart, nullptr,
                     &encrypted, &plain) != 0) {
    return false;
  }
  text.resize(plain.length);
  if (!MutateElement(&text, random)) return false;

  size_t length = 0;
  if (krb5_c_encrypt_length(nullptr, recording.client_key.enctype, text.size(),
                            &length) != 0) {
    return false;
  }
  cipher->content.assign(length, '\0');
  plain.data = text.data();
  plain.length = static_cast<unsigned>(text.size());
  encrypted.ciphertext.data = cipher->content.data();
  encrypted.ciphertext.length = static_cast<unsigned>(length);
  TheStage().random = random() | 1;
  if (krb5_c_encrypt(nullptr, &recording.client_key, kAsRepEncPart, nullptr,
                     &plain, &encrypted) != 0) {
    return false;
  }
  *message = Encode(tree);
  return true;
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
    case 2: {
      const auto& donor = all[Below(all.size(), random)].replies;
      if (!donor.empty()) replies[at] = donor[Below(donor.size(), random)];
      return;
    }
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
  if (!MutateElement(&replies[at], random)) MutateBytes(&replies[at]);
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
  const Playback playback = Play(recording, input.replies);
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
