// Changes to a message that keep it close to a valid one. One element changes.
// The framing around that element stays valid, or becomes one that DER forbids
// but libkrb5 accepts.

#ifndef KPASS_FUZZ_MUTATE_H_
#define KPASS_FUZZ_MUTATE_H_

#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "der.h"

// libFuzzer's own mutator.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace kpass::fuzz {

constexpr size_t kLongestMessage = 4096;

using Random = std::minstd_rand;

inline size_t Below(size_t limit, Random& random) {
  return limit == 0 ? 0 : random() % limit;
}

inline void MutateBytes(std::string* bytes) {
  const size_t size = bytes->size();
  bytes->resize(std::min(kLongestMessage, size + 64));
  bytes->resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes->data()),
                                 std::min(size, bytes->size()), bytes->size()));
}

// The position of an element: its row, and its index there.
using Position = std::pair<std::vector<Element>*, size_t>;

inline void Collect(std::vector<Element>* in,
                    std::vector<Position>* positions) {
  for (size_t i = 0; i < in->size(); ++i) {
    positions->emplace_back(in, i);
    Collect(&(*in)[i].children, positions);
  }
}

// Values with a meaning: the numbers of errors, encryption types and
// pre-authentication types, and the limits of ranges.
inline const std::string& Interesting(Random& random) {
  static const auto* const values =
      new std::vector<std::string>{"",
                                   std::string(1, 0),
                                   "\x01",
                                   "\x02",
                                   "\x03",
                                   "\x06",
                                   "\x07",
                                   "\x0b",
                                   "\x0c",
                                   "\x10",
                                   "\x12",
                                   "\x13",
                                   "\x17",
                                   "\x18",
                                   "\x19",
                                   "\x1b",
                                   "\x1d",
                                   "\x1f",
                                   "\x25",
                                   "\x29",
                                   "\x34",
                                   "\x3c",
                                   "\x44",
                                   "\x5d",
                                   "\x7f",
                                   "\xff",
                                   std::string("\0\x80", 2),
                                   std::string("\0\x88", 2),
                                   std::string("\0\x95", 2),
                                   std::string("\0\x97", 2),
                                   "\x7f\xff\xff\xff",
                                   std::string("\x80\0\0\0", 4),
                                   "\xff\xff\xff\xff\xff",
                                   std::string(300, 'A'),
                                   "20000101000000Z",
                                   "20991231235959Z",
                                   "EXAMPLE.COM",
                                   "OTHER.EXAMPLE",
                                   "alice",
                                   "WELLKNOWN",
                                   "krbtgt"};
  return (*values)[Below(values->size(), random)];
}

// Replaces the element by an element of the donor, usually one with the same
// tag. Returns false if the donor has no elements.
inline bool Transplant(Element* element, std::string_view donor,
                       Random& random) {
  std::vector<Element> other;
  if (!ParseElements(donor, &other)) return false;
  std::vector<Position> from;
  Collect(&other, &from);
  if (from.empty()) return false;
  for (int tries = 0; tries < 20; ++tries) {
    const auto [row, at] = from[Below(from.size(), random)];
    if ((*row)[at].tag != element->tag && tries < 19) continue;
    *element = (*row)[at];
    break;
  }
  return true;
}

// Changes one element of the message. An element of `donor`, another message,
// may replace it. Returns false if nothing changed.
inline bool MutateElement(std::string* message, std::string_view donor,
                          Random& random) {
  std::vector<Element> tree;
  if (!ParseElements(*message, &tree)) return false;
  std::vector<Position> positions;
  Collect(&tree, &positions);
  if (positions.empty()) return false;
  const auto [siblings, at] = positions[Below(positions.size(), random)];
  Element& element = (*siblings)[at];
  switch (Below(9, random)) {
    case 0:
      siblings->erase(siblings->begin() + static_cast<long>(at));
      break;
    case 1: {
      Element copy = element;
      siblings->insert(siblings->begin() + static_cast<long>(at),
                       std::move(copy));
      break;
    }
    case 2:
      element.tag =
          static_cast<unsigned char>(element.tag ^ 1u << Below(8, random));
      break;
    case 3:
      if (!Transplant(&element, donor, random)) return false;
      break;
    case 4:
      element.framing = static_cast<Framing>(1 + Below(3, random));
      break;
    case 5:
    case 6:
      if (element.IsTree()) return false;
      element.content = Interesting(random);
      break;
    default:
      if (element.IsTree()) return false;
      MutateBytes(&element.content);
  }
  *message = Encode(tree);
  return true;
}

}  // namespace kpass::fuzz

#endif  // KPASS_FUZZ_MUTATE_H_
