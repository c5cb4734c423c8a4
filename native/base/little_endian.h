// Numbers of 32 bits, the lowest byte first.

#ifndef KPASS_LITTLE_ENDIAN_H_
#define KPASS_LITTLE_ENDIAN_H_

#include <stdint.h>

#include <string>

namespace kpass {

// Reads four bytes.
inline uint32_t LittleEndian(const unsigned char* bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

inline void AppendLittleEndian(uint32_t value, std::string* bytes) {
  for (const int shift : {0, 8, 16, 24}) {
    bytes->push_back(static_cast<char>(value >> shift & 0xff));
  }
}

}  // namespace kpass

#endif  // KPASS_LITTLE_ENDIAN_H_
