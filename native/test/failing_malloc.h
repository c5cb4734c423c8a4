// An allocator that fails when told to. All libraries of the program use it,
// also libkrb5: the program's own functions come first in the symbol order.

#ifndef KPASS_TEST_FAILING_MALLOC_H_
#define KPASS_TEST_FAILING_MALLOC_H_

namespace kpass {

// While one lives, this thread's allocation number `first`, counted from 1,
// returns null, and with `lasting` all later ones do.
class FailingMalloc {
 public:
  FailingMalloc(long first, bool lasting);
  FailingMalloc(const FailingMalloc&) = delete;
  FailingMalloc& operator=(const FailingMalloc&) = delete;
  ~FailingMalloc();

  // Whether an allocation has failed. False: there were fewer than `first`.
  static bool HasFailed();
};

}  // namespace kpass

#endif  // KPASS_TEST_FAILING_MALLOC_H_
