#include "failing_malloc.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <new>

// The real allocator: AddressSanitizer's in its builds, or else glibc's.
#ifdef __SANITIZE_ADDRESS__
#define BENEATH(name) __interceptor_##name
#else
#define BENEATH(name) __libc_##name
#endif

extern "C" {
void* BENEATH(malloc)(size_t size);
void* BENEATH(calloc)(size_t count, size_t size);
void* BENEATH(realloc)(void* old, size_t size);
}

namespace kpass {
namespace {

thread_local long g_until_failure = 0;  // 0: no allocation fails
thread_local bool g_lasting = false;
thread_local bool g_has_failed = false;

[[maybe_unused]] bool FailsNow() {
  if (g_until_failure == 0) return false;
  if (g_until_failure > 1) {
    --g_until_failure;
    return false;
  }
  if (!g_lasting) g_until_failure = 0;
  g_has_failed = true;
  errno = ENOMEM;
  return true;
}

}  // namespace

FailingMalloc::FailingMalloc(long first, bool lasting) {
  g_has_failed = false;
  g_lasting = lasting;
  g_until_failure = first;
}

FailingMalloc::~FailingMalloc() { g_until_failure = 0; }

bool FailingMalloc::HasFailed() { return g_has_failed; }

}  // namespace kpass

// Nothing fails under ThreadSanitizer. It allocates before it is initialized,
// when no instrumented code may run.
#ifndef __SANITIZE_THREAD__

extern "C" {

void* malloc(size_t size) {
  return kpass::FailsNow() ? nullptr : BENEATH(malloc)(size);
}

void* calloc(size_t count, size_t size) {
  return kpass::FailsNow() ? nullptr : BENEATH(calloc)(count, size);
}

void* realloc(void* old, size_t size) {
  return kpass::FailsNow() ? nullptr : BENEATH(realloc)(old, size);
}

}  // extern "C"

// The sanitizer's own operators would not call the functions above.
void* operator new(size_t size) {
  if (void* const memory = malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }

#endif
