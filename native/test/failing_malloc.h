// An allocator that fails when told to. Linked into a program, it serves every
// library of it, libkrb5 included: what the program defines comes first.

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
