/* Preloaded into a program, it is a name server that never answers: whoever
 * looks a name up waits for an hour. */

#include <netdb.h>
#include <stddef.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result) {
  (void)node, (void)service, (void)hints;
  *result = NULL;
  sleep(3600);
  return EAI_AGAIN;
}
