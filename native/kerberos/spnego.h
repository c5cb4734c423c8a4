// The codec of Negotiate's tokens: SPNEGO (RFC 4178, 4.2) around Kerberos' own
// (RFC 4121, 4.1), or the latter alone. Reads bytes of strangers; knows no
// libkrb5.
//
// One message each way is all it speaks. A client that offers Kerberos first
// sends its ticket along, and whoever offers something else first is refused.

#ifndef KPASS_SPNEGO_H_
#define KPASS_SPNEGO_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace kpass {

// The longest token that is read. Active Directory makes tickets of up to
// 48,000 bytes.
constexpr size_t kMaxToken = size_t{128} * 1024;

// A client's token, as read. The views are of the token's own bytes; the OIDs
// are without tag and length.
struct NegotiateToken {
  enum class Kind { kMalformed, kOtherMechanism, kKerberos };

  Kind kind = Kind::kMalformed;
  std::string_view ap_req;     // of RFC 4120, 5.5.1; not read yet
  std::string_view mechanism;  // the OID in front of it
  std::string_view offered;    // the first of SPNEGO's list; empty: no SPNEGO
};

NegotiateToken ReadToken(std::string_view token);

// The answer to a client that is accepted, in the form of its token. `ap_rep`:
// the proof of the service's identity; empty where the client wants none.
// Empty where there is nothing to answer.
std::string ReplyTo(const NegotiateToken& token, std::string_view ap_rep);

}  // namespace kpass

#endif  // KPASS_SPNEGO_H_
