#include "base/platform.h"

#include <arpa/nameser.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

#ifdef __APPLE__
#include <dlfcn.h>
#include <dns.h>
#include <errno.h>
#include <fcntl.h>
#include <krb5/krb5.h>
#else
#include <link.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>
#include <sys/eventfd.h>
#endif

// Links the version of the symbol that glibc had before 2.34, so that the
// binary runs with older versions as well.
#if defined(__GLIBC__) && defined(__x86_64__) && defined(__LP64__)
__asm__(".symver res_query, __res_query@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver res_query, __res_query@GLIBC_2.17");
#endif

namespace kpass {

void CloseWakeup(const Wakeup& wakeup) {
  if (wakeup.wait >= 0) close(wakeup.wait);
  if (wakeup.raise >= 0 && wakeup.raise != wakeup.wait) close(wakeup.raise);
}

#ifdef __APPLE__

// <string.h> declares memset_s only if a macro is set before its first
// inclusion.
extern "C" int memset_s(void* bytes, size_t room, int value, size_t size);

void Wipe(void* bytes, size_t size) noexcept {
  (void)memset_s(bytes, size, 0, size);
}

namespace {

std::string FileOf(const void* code) {
  Dl_info info;
  return dladdr(code, &info) != 0 ? info.dli_fname : "";
}

// macOS cannot open a descriptor in this state. A program that another thread
// starts before this call inherits the descriptor.
bool NeitherWaitsNorIsInherited(int fd) {
  return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
         fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

}  // namespace

// Opens the addon once more, and never closes it: ld has no -z nodelete.
void StayLoaded() {
  const std::string own = FileOf(reinterpret_cast<const void*>(&StayLoaded));
  (void)dlopen(own.c_str(), RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

// Finds libkrb5's file by one of its functions: the system's own Kerberos may
// be loaded as well.
std::string Libkrb5File() {
  return FileOf(reinterpret_cast<const void*>(&krb5_free_context));
}

// Not sigprocmask(): on macOS that sets the mask of every thread.
void SetSignalMask(const sigset_t& mask, sigset_t* before) {
  pthread_sigmask(SIG_SETMASK, &mask, before);
}

int OpenSocket(int family, int type) {
  const int fd = socket(family, type, 0);
  if (fd < 0) return -1;
  const int on = 1;
  if (NeitherWaitsNorIsInherited(fd) &&
      setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == 0) {
    return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

ssize_t SendQuietly(int fd, const void* bytes, size_t size) {
  return send(fd, bytes, size, 0);  // SO_NOSIGPIPE is set
}

// No datagram is longer. recv() does not tell the size of a cut-off datagram.
ssize_t RoomForDatagram(int) { return UINT16_MAX; }

Wakeup OpenWakeup() {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const Wakeup wakeup{ends[0], ends[1]};
  if (NeitherWaitsNorIsInherited(wakeup.wait) &&
      NeitherWaitsNorIsInherited(wakeup.raise)) {
    return wakeup;
  }
  CloseWakeup(wakeup);
  return {};
}

// Asks with a state of its own, as MIT's library does: res_query() shares one
// state among all threads.
int QueryDns(const char* name, int type, unsigned char* answer, int size) {
  const dns_handle_t resolver = dns_open(nullptr);
  if (resolver == nullptr) return -1;
  const int length =
      dns_search(resolver, name, ns_c_in, static_cast<uint32_t>(type),
                 reinterpret_cast<char*>(answer), static_cast<uint32_t>(size),
                 nullptr, nullptr);
  dns_free(resolver);
  return length;
}

#else

void Wipe(void* bytes, size_t size) noexcept { explicit_bzero(bytes, size); }

void StayLoaded() {}  // the addon is linked with -z nodelete

std::string Libkrb5File() {
  std::string file;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        const std::string path = info->dlpi_name;
        const size_t slash = path.rfind('/');
        if (slash == std::string::npos ||
            path.compare(slash + 1, strlen("libkrb5.so"), "libkrb5.so") != 0) {
          return 0;
        }
        *static_cast<std::string*>(data) = path;
        return 1;
      },
      &file);
  return file;
}

// On Linux, sigprocmask() sets this thread's mask only. pthread_sigmask() would
// need glibc 2.32.
void SetSignalMask(const sigset_t& mask, sigset_t* before) {
  sigprocmask(SIG_SETMASK, &mask, before);
}

int OpenSocket(int family, int type) {
  return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

ssize_t SendQuietly(int fd, const void* bytes, size_t size) {
  return send(fd, bytes, size, MSG_NOSIGNAL);
}

ssize_t RoomForDatagram(int fd) {
  return recv(fd, nullptr, 0, MSG_PEEK | MSG_TRUNC);
}

Wakeup OpenWakeup() {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return {fd, fd};
}

int QueryDns(const char* name, int type, unsigned char* answer, int size) {
  return res_query(name, ns_c_in, type, answer, size);
}

#endif

}  // namespace kpass
