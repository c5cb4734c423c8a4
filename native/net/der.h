// Reads DER (X.690) that comes from strangers, and never reads beyond its end.
//
// libkrb5 reads more than DER: tags of several bytes, and, before krb5 1.19,
// indefinite lengths. These functions do not accept those as elements. So a
// caller that must read a whole message refuses such a message.

#ifndef KPASS_DER_H_
#define KPASS_DER_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace kpass::der {

// Universal and context-specific tags. The first three are primitive.
constexpr unsigned char kInteger = 0x02;
constexpr unsigned char kOctetString = 0x04;
constexpr unsigned char kGeneralString = 0x1b;
constexpr unsigned char kSequence = 0x30;
constexpr unsigned char Context(int number) {
  return static_cast<unsigned char>(0xa0 | number);
}

struct Element {
  unsigned char tag = 0;
  std::string_view content;
};

// Removes the first element from `bytes`. Returns nothing if `bytes` does not
// begin with a whole element.
std::optional<Element> Take(std::string_view* bytes);

// The content of the first element with this tag.
std::optional<std::string_view> Find(std::string_view in, unsigned char tag);

// The content of the only element, if `in` is one element with this tag.
std::optional<std::string_view> Only(std::string_view in, unsigned char tag);

// The value of an INTEGER's content of at most five bytes.
std::optional<int64_t> IntegerOf(std::string_view content);

}  // namespace kpass::der

#endif  // KPASS_DER_H_
