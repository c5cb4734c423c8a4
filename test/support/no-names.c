/* Preloaded into a program, its user has no name: as in a container whose user is a number that
 * /etc/passwd does not have. */

#include <errno.h>
#include <pwd.h>
#include <stddef.h>

struct passwd *getpwuid(uid_t uid) {
  (void)uid;
  errno = ENOENT;
  return NULL;
}

int getpwuid_r(uid_t uid, struct passwd *entry, char *text, size_t size, struct passwd **found) {
  (void)uid, (void)entry, (void)text, (void)size;
  *found = NULL;
  return 0;
}
