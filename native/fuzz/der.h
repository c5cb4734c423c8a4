// The part of DER that the fuzzers need. It reads a message as a tree. Each
// element can be changed, and Encode() makes the framing around it right again.

#ifndef KPASS_FUZZ_DER_H_
#define KPASS_FUZZ_DER_H_

#include <stdint.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kpass::fuzz {

// How an element's tag and length are written. DER allows kShortest only.
// libkrb5 reads all of them.
enum class Framing { kShortest, kLongLength, kIndefinite, kLongTag };

struct Element {
  unsigned char tag = 0;
  std::string content;            // of a primitive element
  std::vector<Element> children;  // of a constructed element
  Framing framing = Framing::kShortest;

  bool IsTree() const { return !children.empty(); }
};

inline Element Primitive(unsigned char tag, std::string content) {
  return {tag, std::move(content), {}};
}

inline Element Tree(unsigned char tag, std::vector<Element> children) {
  return {tag, {}, std::move(children)};
}

// An INTEGER of 32 bits.
inline Element Integer(int32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) {
    bytes += static_cast<char>(value >> shift & 0xff);
  }
  // The first bit is the sign.
  while (bytes.size() > 1 &&
         bytes[0] == ((bytes[1] & 0x80) != 0 ? '\xff' : 0)) {
    bytes.erase(0, 1);
  }
  return Primitive(0x02, std::move(bytes));
}

inline Element Octets(std::string content) {
  return Primitive(0x04, std::move(content));
}

// A field of a SEQUENCE.
inline Element Field(int number, Element value) {
  return Tree(static_cast<unsigned char>(0xa0 | number), {std::move(value)});
}

// A PrincipalName (RFC 4120, 5.2.2).
inline Element Name(int32_t type, const std::vector<std::string>& parts) {
  Element names = Tree(0x30, {});
  for (const std::string& part : parts) {
    names.children.push_back(Primitive(0x1b, part));
  }
  return Tree(0x30, {Field(0, Integer(type)), Field(1, std::move(names))});
}

// Returns false if `bytes` is not a row of whole elements. (An element of
// indefinite length does not count as whole.)
inline bool ParseElements(std::string_view bytes, std::vector<Element>* out,
                          int depth = 0) {
  const auto byte = [&bytes](size_t i) {
    return static_cast<unsigned char>(bytes[i]);
  };
  while (!bytes.empty()) {
    if (bytes.size() < 2) return false;
    Element element;
    element.tag = byte(0);
    if ((element.tag & 0x1f) == 0x1f) {
      if (byte(1) >= 0x1f) return false;
      element.tag = static_cast<unsigned char>((element.tag & 0xe0) | byte(1));
      element.framing = Framing::kLongTag;
      bytes.remove_prefix(1);
      if (bytes.size() < 2) return false;
    }
    size_t length = byte(1);
    size_t start = 2;
    if ((length & 0x80) != 0) {
      const size_t count = length & 0x7f;
      if (count == 0 || count > 4 || bytes.size() < 2 + count) return false;
      if (count == 4) element.framing = Framing::kLongLength;
      length = 0;
      for (; start < 2 + count; ++start) length = length << 8 | byte(start);
    }
    if (bytes.size() - start < length) return false;
    const std::string_view content = bytes.substr(start, length);
    // An OCTET STRING often holds another message.
    const bool constructed = (element.tag & 0x20) != 0 || element.tag == 0x04;
    if (depth > 24 || length == 0 || !constructed ||
        !ParseElements(content, &element.children, depth + 1)) {
      element.children.clear();
      element.content = content;
    }
    out->push_back(std::move(element));
    bytes.remove_prefix(start + length);
  }
  return true;
}

inline std::string TagOf(const Element& element) {
  if (element.framing != Framing::kLongTag) {
    return std::string(1, static_cast<char>(element.tag));
  }
  return {static_cast<char>(element.tag | 0x1f),
          static_cast<char>(element.tag & 0x1f)};
}

inline std::string LengthOf(size_t length, Framing framing) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) {
    bytes += static_cast<char>(length >> shift & 0xff);
  }
  if (framing != Framing::kLongLength) {
    while (bytes.size() > 1 && bytes[0] == 0) bytes.erase(0, 1);
    if (length < 0x80) return bytes;
  }
  return static_cast<char>(0x80 | bytes.size()) + bytes;
}

inline std::string Encode(const Element& element) {
  std::string content = element.content;
  for (const Element& child : element.children) content += Encode(child);
  if (element.framing == Framing::kIndefinite) {
    return TagOf(element) + '\x80' + content + std::string(2, '\0');
  }
  return TagOf(element) + LengthOf(content.size(), element.framing) + content;
}

inline std::string Encode(const std::vector<Element>& elements) {
  std::string bytes;
  for (const Element& element : elements) bytes += Encode(element);
  return bytes;
}

// The element that is reached by these tags, or null.
inline const Element* Find(const std::vector<Element>& in,
                           std::vector<unsigned char> path) {
  const std::vector<Element>* level = &in;
  const Element* found = nullptr;
  for (const unsigned char tag : path) {
    found = nullptr;
    for (const Element& element : *level) {
      if (element.tag == tag) {
        found = &element;
        break;
      }
    }
    if (found == nullptr) return nullptr;
    level = &found->children;
  }
  return found;
}

}  // namespace kpass::fuzz

#endif  // KPASS_FUZZ_DER_H_
