/* Preloaded into a program, it is a locator plug-in of libkrb5, such as SSSD's:
 * every KDC is at 127.0.0.1:KDC_PORT. It stands in libkrb5's own folder of
 * locators, where no test may write: whoever lists that folder is shown the
 * folder LOCATORS instead, which holds this very file. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <krb5/krb5.h>
#include <krb5/locate_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FOLDER "/krb5/plugins/libkrb5"

/* The name of a file in libkrb5's folder, or NULL for another file; the folder's own is "". */
static const char *in_folder(const char *path) {
  const char *found = path == NULL ? NULL : strstr(path, FOLDER);
  return found == NULL ? NULL : found + strlen(FOLDER);
}

DIR *opendir(const char *path) {
  DIR *(*real)(const char *) = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
  return real(in_folder(path) != NULL ? getenv("LOCATORS") : path);
}

void *dlopen(const char *path, int flags) {
  void *(*real)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
  const char *name = in_folder(path);
  if (name == NULL) return real(path, flags);
  char other[4096];
  snprintf(other, sizeof other, "%s%s", getenv("LOCATORS"), name);
  return real(other, flags);
}

static krb5_error_code init(krb5_context context, void **state) {
  (void)context;
  *state = NULL;
  return 0;
}

static void fini(void *state) { (void)state; }

static krb5_error_code lookup(void *state, enum locate_service_type service, const char *realm,
                              int type, int family, int (*found)(void *, int, struct sockaddr *),
                              void *data) {
  (void)state, (void)realm;
  if (service != locate_service_kdc || family == AF_INET6) return 0;
  struct sockaddr_in kdc = {.sin_family = AF_INET};
  kdc.sin_port = htons((unsigned short)atoi(getenv("KDC_PORT")));
  kdc.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return found(data, type == 0 ? SOCK_DGRAM : type, (struct sockaddr *)&kdc);
}

const krb5plugin_service_locate_ftable service_locator = {0, init, fini, lookup};
