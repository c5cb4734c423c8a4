#include "net/der.h"

namespace kpass::der {

std::optional<Element> Take(std::string_view* bytes) {
  const auto byte = [bytes](size_t i) {
    return static_cast<unsigned char>((*bytes)[i]);
  };
  if (bytes->size() < 2) return std::nullopt;
  // A tag of several bytes. No Kerberos message needs one, but some readers
  // take it for a short tag.
  if ((byte(0) & 0x1f) == 0x1f) return std::nullopt;
  size_t length = byte(1);
  size_t start = 2;
  if (length > 0x80) {
    const size_t count = length - 0x80;
    if (count > sizeof(uint32_t) || bytes->size() < start + count) {
      return std::nullopt;
    }
    length = 0;
    for (; start < 2 + count; ++start) length = length << 8 | byte(start);
  } else if (length == 0x80) {  // BER's indefinite length
    return std::nullopt;
  }
  if (bytes->size() - start < length) return std::nullopt;
  const Element element{byte(0), bytes->substr(start, length)};
  bytes->remove_prefix(start + length);
  return element;
}

std::optional<std::string_view> Find(std::string_view in, unsigned char tag) {
  while (const auto element = Take(&in)) {
    if (element->tag == tag) return element->content;
  }
  return std::nullopt;
}

std::optional<std::string_view> Only(std::string_view in, unsigned char tag) {
  const auto element = Take(&in);
  if (!element || element->tag != tag || !in.empty()) return std::nullopt;
  return element->content;
}

std::optional<int64_t> IntegerOf(std::string_view content) {
  if (content.empty() || content.size() > 5) return std::nullopt;
  const bool negative =
      (static_cast<unsigned char>(content.front()) & 0x80) != 0;
  int64_t value = negative ? -1 : 0;
  for (const char byte : content) {
    value = value * 256 + static_cast<unsigned char>(byte);
  }
  return value;
}

}  // namespace kpass::der
