// Shared ownership of objects that several threads use: pools, jobs, mailboxes.
// Not std::shared_ptr: with GCC 12 that needs glibc 2.32, and kpass runs on
// 2.28.

#ifndef KPASS_REF_H_
#define KPASS_REF_H_

#include <atomic>
#include <utility>

namespace kpass {

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void Retain() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  void Release() noexcept {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 protected:
  virtual ~RefCounted() = default;

 private:
  std::atomic<int> count_{0};
};

template <typename T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* target) noexcept : target_(target) {
    if (target_ != nullptr) target_->Retain();
  }
  Ref(const Ref& other) noexcept : Ref(other.target_) {}
  Ref(Ref&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~Ref() {
    if (target_ != nullptr) target_->Release();
  }

  T* get() const noexcept { return target_; }
  T* operator->() const noexcept { return target_; }
  T& operator*() const noexcept { return *target_; }
  explicit operator bool() const noexcept { return target_ != nullptr; }

 private:
  T* target_ = nullptr;
};

}  // namespace kpass

#endif  // KPASS_REF_H_
