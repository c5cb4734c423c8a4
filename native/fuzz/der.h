// As much of DER as the fuzzers need: a message as a tree whose every element
// can be changed while the framing around it stays right.

#ifndef KPASS_FUZZ_DER_H_
#define KPASS_FUZZ_DER_H_

#include <string>
#include <string_view>
#include <vector>

namespace kpass::fuzz {

struct Element {
  unsigned char tag = 0;
  std::string content;            // of a primitive one
  std::vector<Element> children;  // of another one

  bool IsTree() const { return !children.empty(); }
};

// False when `bytes` is not a row of whole elements.
inline bool ParseElements(std::string_view bytes, std::vector<Element>* out,
                          int depth = 0) {
  while (!bytes.empty()) {
    if (bytes.size() < 2) return false;
    Element element;
    element.tag = static_cast<unsigned char>(bytes[0]);
    size_t length = static_cast<unsigned char>(bytes[1]);
    size_t start = 2;
    if ((length & 0x80) != 0) {
      const size_t count = length & 0x7f;
      if (count == 0 || count > 3 || bytes.size() < 2 + count) return false;
      length = 0;
      for (size_t i = 0; i < count; ++i) {
        length = length << 8 | static_cast<unsigned char>(bytes[2 + i]);
      }
      start += count;
    }
    if (bytes.size() - start < length) return false;
    const std::string_view content = bytes.substr(start, length);
    // Within an OCTET STRING there is often another message.
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

inline std::string Encode(const Element& element) {
  std::string content = element.content;
  for (const Element& child : element.children) content += Encode(child);
  const size_t length = content.size();
  std::string bytes(1, static_cast<char>(element.tag));
  if (length < 0x80) {
    bytes += static_cast<char>(length);
  } else {
    bytes += "\x83";
    for (const int shift : {16, 8, 0}) {
      bytes += static_cast<char>(length >> shift & 0xff);
    }
    // DER wants the shortest form.
    while (bytes[2] == 0) {
      bytes.erase(2, 1);
      bytes[1] = static_cast<char>(bytes[1] - 1);
    }
  }
  return bytes + content;
}

inline std::string Encode(const std::vector<Element>& elements) {
  std::string bytes;
  for (const Element& element : elements) bytes += Encode(element);
  return bytes;
}

// The element reached by these tags, or null.
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
