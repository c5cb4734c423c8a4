// The part of macOS's <resolv.h> that kpass needs. zig does not bring this
// header.

#ifndef KPASS_TEST_MACOS_RESOLV_H_
#define KPASS_TEST_MACOS_RESOLV_H_

#include <sys/types.h>

#define dn_expand res_9_dn_expand

extern "C" int dn_expand(const u_char* message, const u_char* end,
                         const u_char* compressed, char* name, int size);

#endif  // KPASS_TEST_MACOS_RESOLV_H_
