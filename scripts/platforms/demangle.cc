// Stands for libc++abi's demangler in the binaries for musl. The demangler only makes the name of an
// exception that nobody catches readable, and would double the size of the binary.

extern "C" __attribute__((visibility("hidden"))) char* __cxa_demangle(
    const char* /*name*/, char* /*buffer*/, unsigned long* /*size*/,
    int* status) {
  if (status != nullptr) *status = -2;  // "not a valid name"
  return nullptr;
}
