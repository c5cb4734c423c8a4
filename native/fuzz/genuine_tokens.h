// Clients' tokens of which all is known, for a service on the stage. They have
// one key of the service, and one session key.

#ifndef KPASS_FUZZ_GENUINE_TOKENS_H_
#define KPASS_FUZZ_GENUINE_TOKENS_H_

#include <krb5/krb5.h>
#include <stdint.h>

#include <string>
#include <vector>

namespace kpass::fuzz {

constexpr krb5_enctype kEnctype = ENCTYPE_AES128_CTS_HMAC_SHA1_96;
// The time at which each client makes its token.
constexpr int64_t kNow = 1893456000;

// For the calls of libkrb5 around the code under test.
krb5_context Context();

const std::string& ServiceKey();

// The service's channel, and its hash (RFC 4121, 4.1.1.2).
const std::string& Channel();
const std::string& ChannelHash();

// The channel in a token.
enum class Binding { kNone, kOurs, kAnothers };

// What is encrypted in a token, in the clear.
struct Contents {
  std::string ticket_part;    // EncTicketPart, RFC 4120, 5.3
  std::string authenticator;  // RFC 4120, 5.5.1
};

struct Genuine {
  std::string client;     // as it stands there
  std::string principal;  // empty: never to be accepted
  bool refused = false;   // as it is
  Binding binding = Binding::kNone;
  std::string ticket;         // encrypted
  std::string authenticator;  // encrypted
  Contents contents;
  std::string token;
};

const std::vector<Genuine>& AllGenuine();

// A token of SPNEGO with these contents, whatever they are.
std::string TokenOf(const Contents& contents);

}  // namespace kpass::fuzz

#endif  // KPASS_FUZZ_GENUINE_TOKENS_H_
