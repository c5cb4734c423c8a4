// Fuzzes what accepts a client's token (acceptor.h, spnego.h): the token
// itself, and, with the keys of the service and of the ticket, what is
// encrypted in it.
//
// What must hold: a token is accepted only if it holds the ticket and the
// authenticator of a genuine one, and then as that one's client; what is
// decrypted is accepted only if it is, by libkrb5's own decoder, as
// CheckDecrypted says; each once. And an answer is DER, in the token's form.

#include <krb5/krb5.h>
#include <string.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "der.h"
#include "genuine_tokens.h"
#include "kerberos/acceptor.h"
#include "kerberos/replays.h"
#include "kerberos/spnego.h"
#include "mutate.h"
#include "stage.h"

// Exported by libkrb5, and declared in none of its headers.
extern "C" {
krb5_error_code decode_krb5_enc_tkt_part(const krb5_data* bytes,
                                         krb5_enc_tkt_part** part);
krb5_error_code decode_krb5_authenticator(const krb5_data* bytes,
                                          krb5_authenticator** authenticator);
void krb5_free_enc_tkt_part(krb5_context context, krb5_enc_tkt_part* part);
}

namespace kpass::fuzz {
namespace {

constexpr char kKeytab[] = "MEMORY:tokens";
constexpr char kService[] = "HTTP/localhost@EXAMPLE.COM";
constexpr krb5_deltat kClockskew = 300;

// --- An input: its first byte says what the rest is --------------------------

enum class Kind : uint8_t { kToken, kContents };

struct Input {
  Kind kind = Kind::kToken;
  uint8_t rules = 0;
  std::string bytes;  // a token; or two OCTET STRINGs, the Contents
};

Input Deserialize(std::string_view from) {
  Input input;
  if (from.size() < 2) return input;
  input.kind = (from[0] & 1) != 0 ? Kind::kContents : Kind::kToken;
  input.rules = static_cast<uint8_t>(from[1]);
  input.bytes = from.substr(2);
  return input;
}

std::string Serialize(const Input& input) {
  return std::string{static_cast<char>(input.kind),
                     static_cast<char>(input.rules)} +
         input.bytes;
}

std::string BytesOf(const Genuine& genuine, Kind kind) {
  if (kind == Kind::kToken) return genuine.token;
  return Encode({Octets(genuine.contents.ticket_part),
                 Octets(genuine.contents.authenticator)});
}

const Genuine& AnyGenuine(Random& random) {
  return AllGenuine()[Below(AllGenuine().size(), random)];
}

struct Rules {
  BindingsRule bindings;
  std::optional<std::string> channel;
};

Rules RulesOf(uint8_t bits) {
  constexpr std::array kRules = {BindingsRule::kAllow, BindingsRule::kOff,
                                 BindingsRule::kRequire, BindingsRule::kAllow};
  Rules rules{kRules[bits & 3U], std::nullopt};
  if ((bits & 4U) == 0) rules.channel = Channel();
  return rules;
}

Acceptance AcceptBy(const Rules& rules, bool once, std::string_view token) {
  static const auto* const base = [] {
    auto* made = new Ref<Settings>(new Settings);
    (*made)->config = StageConfig();
    (*made)->service = "HTTP";
    (*made)->host = "localhost";
    (*made)->keytab = kKeytab;
    return made;
  }();
  static KeptContext* const kept = new KeptContext;
  const Ref<AcceptorSettings> settings(new AcceptorSettings);
  settings->services = {*base};
  settings->bindings = rules.bindings;
  settings->once = once;
  return Accept(*settings, token, rules.channel, *kept);
}

// --- What must hold ----------------------------------------------------------

// Null, or what is wrong with accepting a client that has this binding.
const char* WrongBinding(const Rules& rules, Binding binding, bool bound) {
  const bool looked = rules.bindings != BindingsRule::kOff;
  const bool same = binding == Binding::kOurs && rules.channel.has_value();
  if (bound != (looked && same)) return "bound, or not, and wrongly so";
  if (rules.bindings == BindingsRule::kRequire && !bound) {
    return "accepted unbound";
  }
  if (looked && rules.channel && binding == Binding::kAnothers) {
    return "accepted from another channel";
  }
  return nullptr;
}

// All of the genuine tokens of which this is in the token: the ticket, or the
// authenticator. libkrb5 passes over what it does not know, so that there may
// be more than one.
std::vector<const Genuine*> GenuineIn(std::string_view token,
                                      std::string Genuine::*part) {
  std::vector<const Genuine*> found;
  for (const Genuine& each : AllGenuine()) {
    if (token.find(each.*part) != std::string_view::npos) {
      found.push_back(&each);
    }
  }
  return found;
}

// A client's authenticators go with each of its tickets: they have one key.
void CheckToken(std::string_view token, const Rules& rules,
                const Acceptance& acceptance) {
  const char* wrong = "accepted what is not genuine";
  for (const Genuine* ticket : GenuineIn(token, &Genuine::ticket)) {
    if (ticket->principal.empty() ||
        acceptance.principal != ticket->principal ||
        acceptance.realm != "EXAMPLE.COM") {
      continue;
    }
    for (const Genuine* made : GenuineIn(token, &Genuine::authenticator)) {
      if (made->client != ticket->client) continue;
      wrong = WrongBinding(rules, made->binding, acceptance.bound);
      if (wrong == nullptr) return;
    }
  }
  Violated(wrong);
}

bool IsPlainAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c & 0x80) != 0 ||  // UTF-8 is the core's business
           (c > 0x1f && c != 0x7f && c != '/' && c != '@' && c != '\\');
  });
}

void CheckClient(const krb5_enc_tkt_part& part, const Acceptance& acceptance) {
  const krb5_principal client = part.client;
  if (View(client->realm) != "EXAMPLE.COM") Violated("another realm's client");
  if ((part.flags & TKT_FLG_ANONYMOUS) != 0) Violated("an anonymous client");
  if ((part.flags & TKT_FLG_INVALID) != 0) Violated("an invalid ticket");
  std::string name;
  for (int32_t i = 0; i < client->length; ++i) {
    const std::string_view each = View(client->data[i]);
    if (each.empty() || !IsPlainAscii(each)) Violated("a malformed name");
    if (i > 0) name += '/';
    name += each;
  }
  if (client->length == 0 || strncasecmp(name.c_str(), "WELLKNOWN", 9) == 0) {
    const bool longer = name.size() > 9 && name[9] != '/';
    if (client->length == 0 || !longer) Violated("a name of nobody");
  }
  if (name + "@EXAMPLE.COM" != acceptance.principal || name.size() > 256) {
    Violated("accepted under another name");
  }
}

void CheckTimes(const krb5_ticket_times& times, krb5_timestamp client) {
  const auto seconds = [](krb5_timestamp time) {
    return static_cast<int64_t>(static_cast<uint32_t>(time));
  };
  const int64_t start =
      seconds(times.starttime != 0 ? times.starttime : times.authtime);
  if (start > kNow + kClockskew || seconds(times.endtime) < kNow - kClockskew ||
      seconds(client) > kNow + kClockskew ||
      seconds(client) < kNow - kClockskew) {
    Violated("accepted at the wrong time");
  }
}

void CheckDecrypted(const Contents& contents, const Rules& rules,
                    const Acceptance& acceptance) {
  const krb5_data part_bytes = DataOf(contents.ticket_part);
  const krb5_data authenticator_bytes = DataOf(contents.authenticator);
  krb5_enc_tkt_part* part = nullptr;
  krb5_authenticator* authenticator = nullptr;
  if (decode_krb5_enc_tkt_part(&part_bytes, &part) != 0 ||
      decode_krb5_authenticator(&authenticator_bytes, &authenticator) != 0) {
    Violated("accepted what cannot be read");
  }
  CheckClient(*part, acceptance);
  CheckTimes(part->times, authenticator->ctime);
  if (!krb5_principal_compare(Context(), part->client, authenticator->client)) {
    Violated("another client's authenticator");
  }
  const krb5_checksum* const checksum = authenticator->checksum;
  if (checksum == nullptr || checksum->checksum_type != 0x8003 ||
      checksum->length < 24 ||
      memcmp(checksum->contents, "\x10\0\0\0", 4) != 0) {
    Violated("accepted without its checksum");
  }
  const std::string sent(reinterpret_cast<char*>(checksum->contents) + 4, 16);
  const char* const wrong =
      WrongBinding(rules,
                   sent == std::string(16, '\0') ? Binding::kNone
                   : sent == ChannelHash()       ? Binding::kOurs
                                                 : Binding::kAnothers,
                   acceptance.bound);
  if (wrong != nullptr) Violated(wrong);
  krb5_free_enc_tkt_part(Context(), part);
  krb5_free_authenticator(Context(), authenticator);
}

void CheckReply(std::string_view token, std::string_view reply) {
  const NegotiateToken read = ReadToken(token);
  const bool spnego = !read.offered.empty();
  if (reply.empty()) {
    if (spnego) Violated("SPNEGO without an answer");
    return;
  }
  std::vector<Element> elements;
  if (!ParseElements(reply, &elements) || elements.size() != 1 ||
      Encode(elements) != reply) {
    Violated("an answer that is not DER");
  }
  if (!spnego) {
    if (elements.front().tag != 0x60) Violated("not in the token's form");
    return;
  }
  const Element* mechanism = Find(elements, {0xa1, 0x30, 0xa1, 0x06});
  const Element* state = Find(elements, {0xa1, 0x30, 0xa0, 0x0a});
  if (mechanism == nullptr || mechanism->content != read.offered) {
    Violated("another mechanism than the first");
  }
  if (state == nullptr || state->content != std::string(1, '\0')) {
    Violated("not accept-completed");
  }
}

// The views are of the token's own bytes.
void CheckRead(std::string_view token) {
  const NegotiateToken read = ReadToken(token);
  const auto within = [token](std::string_view view) {
    return view.empty() ||
           (view.data() >= token.data() &&
            view.data() + view.size() <= token.data() + token.size());
  };
  if (!within(read.ap_req) || !within(read.mechanism) ||
      !within(read.offered)) {
    Violated("reads what is not in the token");
  }
  if (read.kind != NegotiateToken::Kind::kKerberos && !read.ap_req.empty()) {
    Violated("an AP-REQ of what is refused");
  }
}

using Clock = std::chrono::steady_clock;

// The decrypted authenticators that were accepted once, with the time of that.
std::map<std::string, Clock::time_point>& Taken() {
  static auto* const taken = new std::map<std::string, Clock::time_point>;
  return *taken;
}

// The stage's clock stands still, so an authenticator stays good. But Replays
// goes by the steady clock, and forgets one when it would be good no more.
void CheckOnce(const std::string& made) {
  if (Taken().size() >= Replays::kMost) return;  // Replays forgets the oldest
  const Clock::time_point now = Clock::now();
  const auto [entry, is_new] = Taken().emplace(made, now);
  if (is_new) return;
  if (now - entry->second < 2 * std::chrono::seconds(kClockskew)) {
    Violated("accepted twice");
  }
  entry->second = now;
}

Contents ContentsIn(const std::string& bytes) {
  std::vector<Element> elements;
  Contents contents;
  if (!ParseElements(bytes, &elements) || elements.size() < 2) return contents;
  const auto text = [](const Element& element) {
    return element.IsTree() ? Encode(element.children) : element.content;
  };
  return {text(elements[0]), text(elements[1])};
}

void Try(const Input& input) {
  Contents contents;
  std::string token = input.bytes;
  if (input.kind == Kind::kContents) {
    contents = ContentsIn(input.bytes);
    if (contents.ticket_part.empty()) return;
    token = TokenOf(contents);
  }
  CheckRead(token);
  const Rules rules = RulesOf(input.rules);
  const Acceptance acceptance = AcceptBy(rules, false, token);
  if (acceptance.accepted) {
    if (input.kind == Kind::kToken) CheckToken(token, rules, acceptance);
    if (input.kind == Kind::kContents) {
      CheckDecrypted(contents, rules, acceptance);
    }
    CheckReply(token, acceptance.reply);
  } else if (!acceptance.principal.empty() || !acceptance.reply.empty()) {
    Violated("a client of what is refused");
  }

  const Acceptance once = AcceptBy(rules, true, token);
  if (once.accepted && !acceptance.accepted) Violated("accepted for once");
  if (!once.accepted) return;
  std::string made = contents.authenticator;
  if (input.kind == Kind::kToken) {
    const auto all = GenuineIn(token, &Genuine::authenticator);
    if (all.size() != 1) return;
    made = all.front()->contents.authenticator;
  }
  CheckOnce(made);
}

}  // namespace
}  // namespace kpass::fuzz

extern "C" {

int LLVMFuzzerInitialize(int*, char***) {
  using namespace kpass::fuzz;
  TheStage().clock = kNow;
  TheStage().random = 1;
  AddToKeytab(kKeytab, kService, 1, kEnctype, ServiceKey());
  AddToKeytab(kKeytab, "nfs/localhost@EXAMPLE.COM", 1, kEnctype,
              std::string(16, 'n'));
  for (const Genuine& each : AllGenuine()) {
    kpass::Acceptance acceptance =
        AcceptBy({kpass::BindingsRule::kOff, std::nullopt}, false, each.token);
    const std::string principal = each.refused ? "" : each.principal;
    if (acceptance.principal != principal) Violated("a genuine token");
  }
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most,
                               unsigned seed) {
  using namespace kpass::fuzz;
  Random random(seed);
  Input input = Deserialize({reinterpret_cast<char*>(data), size});
  if (input.bytes.empty() || Below(4, random) == 0) {
    input.kind = static_cast<Kind>(Below(2, random));
    input.bytes = BytesOf(AnyGenuine(random), input.kind);
  }
  if (Below(4, random) == 0) input.rules = static_cast<uint8_t>(random());
  for (size_t times = Below(4, random); times > 0; --times) {
    const std::string donor = BytesOf(AnyGenuine(random), input.kind);
    if (Below(8, random) == 0 || !MutateElement(&input.bytes, donor, random)) {
      MutateBytes(&input.bytes);
    }
  }
  const std::string bytes = Serialize(input);
  const size_t length = std::min(most, bytes.size());
  memcpy(data, bytes.data(), length);
  return length;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kpass::fuzz;
  Try(Deserialize({reinterpret_cast<const char*>(data), size}));
  return 0;
}

}  // extern "C"
