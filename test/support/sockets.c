/* Preloaded into a program, it prints the name of each call that may reach the network. The program makes
 * the calls all the same. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void *told(const char *name) {
  char line[64] = "called ";
  strcat(strcat(line, name), "\n");
  (void)!write(STDERR_FILENO, line, strlen(line));
  return dlsym(RTLD_NEXT, name);
}

int socket(int domain, int type, int protocol) {
  int (*next)(int, int, int) = told("socket");
  return next(domain, type, protocol);
}

int connect(int socket, const struct sockaddr *address, socklen_t size) {
  int (*next)(int, const struct sockaddr *, socklen_t) = told("connect");
  return next(socket, address, size);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
      told("getaddrinfo");
  return next(node, service, hints, found);
}

int getnameinfo(const struct sockaddr *address, socklen_t size, char *host, socklen_t host_size,
                char *service, socklen_t service_size, int flags) {
  int (*next)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int) =
      told("getnameinfo");
  return next(address, size, host, host_size, service, service_size, flags);
}
