// Verifies again and again, each time with another allocation failing.

#ifndef KPASS_TEST_SHORT_OF_MEMORY_H_
#define KPASS_TEST_SHORT_OF_MEMORY_H_

#include "task.h"

namespace kpass {

// Returns the program's exit code. It is 0 if, whichever allocation fails:
// kpass does not crash, nothing leaks, and no other password or KDC is
// believed. libkrb5 works without some of its allocations; then the outcome is
// the usual one.
int RunShortOfMemory(const Task& task);

}  // namespace kpass

#endif  // KPASS_TEST_SHORT_OF_MEMORY_H_
