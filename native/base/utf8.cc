#include "base/utf8.h"

#include <cstddef>
#include <cstdint>

namespace kpass {
namespace {

// `controls`: control characters are allowed, C1 and DEL included.
bool Is(std::string_view text, bool controls) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    size_t more = 0;
    uint32_t least = controls ? 0 : 0x20;
    uint32_t point = first;
    if (first >= 0xf0) {
      more = 3, least = 0x10000, point = first & 0x07;
    } else if (first >= 0xe0) {
      more = 2, least = 0x800, point = first & 0x0f;
    } else if (first >= 0xc0) {
      more = 1, least = controls ? 0x80 : 0xa0, point = first & 0x1f;
    } else if (first >= (controls ? 0x80 : 0x7f)) {
      return false;
    }
    if (first > 0xf4 || text.size() - i <= more) return false;
    for (const char next : text.substr(i + 1, more)) {
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3f);
    }
    if (point < least || point > 0x10ffff) return false;
    if (point >= 0xd800 && point < 0xe000) return false;  // half a pair
    i += 1 + more;
  }
  return true;
}

}  // namespace

bool IsUtf8(std::string_view text) { return Is(text, /*controls=*/true); }

bool IsPlainUtf8(std::string_view text) { return Is(text, /*controls=*/false); }

}  // namespace kpass
