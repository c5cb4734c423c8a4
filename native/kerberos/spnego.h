// The codec of Negotiate's tokens: SPNEGO (RFC 4178, 4.2) around a token of
// Kerberos (RFC 4121, 4.1), or the latter alone. Strangers send these bytes.
//
// It knows negotiations of one message each way: the client offers Kerberos
// first, and sends its ticket in the same message. All others are refused.

#ifndef KPASS_SPNEGO_H_
#define KPASS_SPNEGO_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace kpass {

// The longest token that ReadToken() reads. Active Directory makes tickets of
// up to 48,000 bytes.
constexpr size_t kMaxToken = size_t{128} * 1024;

// A client's token. The views point into the token. An OID is without its tag
// and length.
struct NegotiateToken {
  enum class Kind { kMalformed, kOtherMechanism, kKerberos };

  Kind kind = Kind::kMalformed;
  std::string_view ap_req;     // RFC 4120, 5.5.1
  std::string_view mechanism;  // the OID in front of the AP-REQ
  std::string_view offered;    // the first OID of SPNEGO; empty: no SPNEGO
};

NegotiateToken ReadToken(std::string_view token);

// The token of a client that offers Kerberos alone.
std::string InitialToken(std::string_view ap_req);

// The reply to a client that is accepted, in the form of the client's token;
// empty: nothing to send. `ap_rep`: the service's proof of its identity; empty:
// the client asks for none.
std::string ReplyTo(const NegotiateToken& token, std::string_view ap_rep);

}  // namespace kpass

#endif  // KPASS_SPNEGO_H_
