// An allocator that fails on demand. All libraries of the program use it, even
// libkrb5: the program's own functions come first in the symbol order.

#ifndef KPASS_TEST_FAILING_MALLOC_H_
#define KPASS_TEST_FAILING_MALLOC_H_

namespace kpass {

// While a FailingMalloc lives, one allocation of this thread returns null:
// number `first`, counted from 1. With `lasting`, all later ones return null as
// well.
class FailingMalloc {
 public:
  FailingMalloc(long first, bool lasting);
  FailingMalloc(const FailingMalloc&) = delete;
  FailingMalloc& operator=(const FailingMalloc&) = delete;
  ~FailingMalloc();

  // Whether an allocation has failed. Returns false if there were fewer than
  // `first`.
  static bool HasFailed();
};

}  // namespace kpass

#endif  // KPASS_TEST_FAILING_MALLOC_H_
