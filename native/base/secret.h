// Holds a password: bytes that are wiped before their memory is freed. Native
// code keeps passwords in nothing else.

#ifndef KPASS_SECRET_H_
#define KPASS_SECRET_H_

#include <stdlib.h>

#include <cstddef>
#include <memory>
#include <new>

#include "base/platform.h"

namespace kpass {

class Secret {
 public:
  Secret() = default;

  // Makes room for `size` zeroed bytes, and for the NUL that libkrb5 needs
  // after them. Does not use new char[], which needs the libstdc++ of GCC 11.
  explicit Secret(size_t size)
      : bytes_(static_cast<char*>(calloc(size + 1, 1))), size_(size) {
    if (!bytes_) throw std::bad_alloc();
  }

  Secret(Secret&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(other.size_) {
    other.size_ = 0;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret& operator=(Secret&&) = delete;
  ~Secret() { Wipe(); }

  // Zeroes the bytes. Keeps their memory: libkrb5 may still point to it.
  void Wipe() noexcept {
    if (bytes_) kpass::Wipe(bytes_.get(), size_);
  }

  char* data() noexcept { return bytes_.get(); }
  const char* c_str() const noexcept { return bytes_ ? bytes_.get() : ""; }
  size_t size() const noexcept { return size_; }

 private:
  struct Free {
    void operator()(char* bytes) const noexcept { free(bytes); }
  };

  std::unique_ptr<char, Free> bytes_;
  size_t size_ = 0;
};

}  // namespace kpass

#endif  // KPASS_SECRET_H_
