// The part of macOS's <dns.h> that kpass needs. zig does not bring this header.
// The functions are in libresolv.

#ifndef KPASS_TEST_MACOS_DNS_H_
#define KPASS_TEST_MACOS_DNS_H_

#include <stdint.h>
#include <sys/socket.h>

extern "C" {
typedef const struct __dns_handle_private_struct* dns_handle_t;
dns_handle_t dns_open(const char* name);
void dns_free(dns_handle_t dns);
int32_t dns_search(dns_handle_t dns, const char* name, uint32_t dnsclass,
                   uint32_t dnstype, char* buf, uint32_t len,
                   struct sockaddr* from, uint32_t* fromlen);
}

#endif  // KPASS_TEST_MACOS_DNS_H_
