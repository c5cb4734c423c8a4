// Verifies again and again, each time with another allocation failing.

#ifndef KPASS_TEST_SHORT_OF_MEMORY_H_
#define KPASS_TEST_SHORT_OF_MEMORY_H_

#include "task.h"

namespace kpass {

// Returns the program's exit code. It is 0 if three rules hold, whichever
// allocation fails: kpass does not crash, nothing leaks, and kpass believes no
// other password and no other KDC. libkrb5 works without some allocations. If
// such an allocation fails, the outcome is the usual one.
int RunShortOfMemory(const Task& task);

}  // namespace kpass

#endif  // KPASS_TEST_SHORT_OF_MEMORY_H_
