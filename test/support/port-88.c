/* Preloaded into a program, this library connects to 127.0.0.1:KDC_PORT in place
 * of 127.0.0.1:88. A test may not listen on port 88. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int connect(int fd, const struct sockaddr *address, socklen_t size) {
  int (*real)(int, const struct sockaddr *, socklen_t) =
      (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
  struct sockaddr_in other;
  if (address->sa_family != AF_INET || size < sizeof other) return real(fd, address, size);
  memcpy(&other, address, sizeof other);
  if (other.sin_port == htons(88) && other.sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
    other.sin_port = htons((unsigned short)atoi(getenv("KDC_PORT")));
  }
  return real(fd, (const struct sockaddr *)&other, sizeof other);
}
