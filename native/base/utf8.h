// Whether bytes are UTF-8: RFC 3629.

#ifndef KPASS_UTF8_H_
#define KPASS_UTF8_H_

#include <string_view>

namespace kpass {

bool IsUtf8(std::string_view text);

// Without control characters, C1 included.
bool IsPlainUtf8(std::string_view text);

}  // namespace kpass

#endif  // KPASS_UTF8_H_
