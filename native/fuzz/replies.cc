// Fuzzes the replies of a KDC. A recorded verification is played back after
// some of its replies were changed.
//
// These rules must hold:
// - The outcome is `verified` only if the recording ended so, and only for the
//   recording's user. The client must also have got the very ticket that the
//   realm's KDC made. (Other parts of the replies may differ: nothing protects
//   the text of an error, for example.)
// - Without changes, each recording ends as it did with the real KDC.
// - A proof of the password reaches one KDC only.
//
//   replies --record FILE CONFIG KEYTAB USER PASSWORD [canonicalize]
//
// makes a recording of a verification with a real KDC. scripts/fuzz --record
// makes all of them.

#include <stdio.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "der.h"
#include "mutate.h"
#include "net/etype_info.h"
#include "net/message.h"
#include "recording.h"
#include "stage.h"

namespace kpass::fuzz {
namespace {

// The key usages of the parts that are encrypted for the client: in an AS-REP,
// in a TGS-REP (two usages), in a reply within FAST. RFC 4120, 7.5.1; RFC
// 6113, 5.
constexpr std::array kForClient = {3, 8, 9, 52};

krb5_keyblock KeyOf(const Lock& lock) {
  krb5_keyblock key = {};
  key.enctype = lock.type;
  key.length = static_cast<unsigned>(lock.key.size());
  key.contents = reinterpret_cast<krb5_octet*>(const_cast<char*>(&lock.key[0]));
  return key;
}

std::vector<Recording>& Recordings() {
  static auto* const all = new std::vector<Recording>;
  return *all;
}

// --- A verification on the stage ---------------------------------------------

struct Playback {
  Outcome outcome;
  std::string delivered;  // all replies that the client got
};

// Rules for the transport that hold after any reply.
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

// --- Encrypted parts ---------------------------------------------------------

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

// A recording ends as it did, by either transport and in any weather.
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

// Collects the keys that open the replies for the client. With these keys, the
// fuzzer can read encrypted parts and write others, as a real user can.
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
  for (const auto& path : paths) Recordings().push_back(Load(path));
  for (const Recording& recording : Recordings()) {
    for (const std::string& reply : recording.replies) {
      if (ReadEtypeInfo(reply).hostile()) Violated("a KDC counts as hostile");
    }
  }
  // From here on, string-to-key knows the key of every password.
  for (const Recording& recording : Recordings()) {
    // The recording with the most exchanges is played in all weathers.
    const int weathers = recording.name == "tgt" ? UINT8_MAX + 1 : 2;
    for (int bits = 0; bits < weathers; ++bits) CheckPlays(recording, bits);
  }
  for (Recording& recording : Recordings()) FindLocks(&recording);
  TheStage().quick_keys = true;
}

// --- Changing replies --------------------------------------------------------

// A fuzzer's input: the number of a recording, the weather, and the replies.
// Before each reply comes its length.
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

// Any bytes are a valid input. Without bytes, the input is the first recording,
// unchanged.
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

// A reply of any recording. MutateElement() takes elements from it.
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

// Decrypts a part of a reply that is meant for the client, changes it, and
// encrypts it again. A user who answers in the KDC's place can do the same.
bool MutateEncrypted(const Recording& recording, std::string* message,
                     Random& random) {
  std::vector<Element> tree;
  if (recording.locks.empty() || !ParseElements(*message, &tree)) return false;
  const Lock& lock = recording.locks[Below(recording.locks.size(), random)];
  std::vector<Position> positions;
  Collect(&tree, &positions);
  for (const auto& [row, at] : positions) {
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
    case 3:  // begin again with another recording
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
  // Often begins again, so that most inputs are close to a recording.
  if (Below(4, random) == 0) {
    input.recording = &Recordings()[Below(Recordings().size(), random)];
    input.replies = input.recording->replies;
  }
  // Mostly fair weather, with either transport.
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
