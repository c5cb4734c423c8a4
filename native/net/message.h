// Reads the parts of Kerberos messages that decide how they are carried. The
// bytes come from strangers.
//
// RFC 4120, 5.10 and appendix A: the messages; X.690: DER.

#ifndef KPASS_MESSAGE_H_
#define KPASS_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace kpass {

enum class MessageType : unsigned char {
  kAsReq = 0x60 | 10,
  kAsRep = 0x60 | 11,
  kKrbError = 0x60 | 30,
};

// Looks at the first byte only.
bool Is(MessageType type, std::string_view message);

// Error codes of RFC 4120, 7.5.9, and RFC 6113, 6.
constexpr int64_t kPreauthRequired = 25;
constexpr int64_t kServiceUnavailable = 29;
constexpr int64_t kClockSkew = 37;
constexpr int64_t kResponseTooBig = 52;
constexpr int64_t kWrongRealm = 68;
constexpr int64_t kPreauthExpired = 90;
constexpr int64_t kMorePreauthRequired = 91;
// The last number that libkrb5's table has for an error of the protocol.
constexpr uint32_t kLastProtocolError = 127;

// The error-code of a KRB-ERROR. Returns nothing if the message is no KRB-ERROR
// or cannot be read.
std::optional<int64_t> ErrorCode(std::string_view message);

// The proof that an error asks for. kPassword: a proof that is made with the
// password and without armor, namely an encrypted timestamp (RFC 4120, 5.2.7.2)
// or SPAKE (RFC 9588). kOther: a certificate or a token. kNone: the error names
// no mechanism.
enum class ProofAsked { kNone, kOther, kPassword };
ProofAsked ProofAskedIn(std::string_view reply);

// Whether the reply is an error that ends an AS exchange.
bool EndsAsExchange(std::string_view reply);

// Whether an AS-REQ, or the e-data of a KRB-ERROR, has PA-FX-FAST with a value
// (RFC 6113, 5.4): the message is armored, or says that it is. Without a value,
// a KDC only announces that it supports FAST.
bool HasArmor(std::string_view message);

// The realm of the client that an AS-REP is for, or of the client that a
// KRB-ERROR with kWrongRealm refers to. Nothing: it is another message, or
// cannot be read.
std::optional<std::string_view> ClientRealm(std::string_view reply);

// kAsReqWithProof: the AS-REQ may hold something that was made with the
// password, and the KDC may count it as a try.
enum class RequestKind { kAsReq, kAsReqWithProof, kOther };
RequestKind KindOf(std::string_view request);

// Whether an AS-REQ may hold proof of the password. Fails closed: false only if
// all of it was read, and each padata type in it is known to prove nothing.
bool MayProvePassword(std::string_view as_req);

}  // namespace kpass

#endif  // KPASS_MESSAGE_H_
