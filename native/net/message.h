// What a Kerberos message is, as far as its carrier has to know. RFC 4120, 5.10
// and appendix A; X.690 for the framing. Reads bytes of strangers.

#ifndef KPASS_MESSAGE_H_
#define KPASS_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace kpass {

enum class MessageType : unsigned char {
  kAsReq = 0x60 | 10,
  kKrbError = 0x60 | 30,
};

// By its first byte.
bool Is(MessageType type, std::string_view message);

// The error-code of a KRB-ERROR; nothing where it is none, or not to be read.
std::optional<int64_t> ErrorCode(std::string_view message);

// Whether an AS-REQ may hold something that the password made, which the KDC
// then counts as a try. Only what is known to hold none does not.
bool MayProvePassword(std::string_view as_req);

}  // namespace kpass

#endif  // KPASS_MESSAGE_H_
