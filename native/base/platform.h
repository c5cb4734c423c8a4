// What Linux and macOS do each in a way of their own. The rest of the core asks
// here, and does not know on which it is.

#ifndef KPASS_PLATFORM_H_
#define KPASS_PLATFORM_H_

#include <signal.h>
#include <sys/types.h>

#include <cstddef>
#include <string>

namespace kpass {

// Zeroes bytes that nobody reads any more: a compiler may leave out a memset.
void Wipe(void* bytes, size_t size) noexcept;

// Keeps this code mapped until the process ends: a thread may still be in
// libkrb5 when the last environment that loaded the addon is gone.
void StayLoaded();

// The file of the libkrb5 that is in use; empty where the system does not tell.
std::string Libkrb5File();

// Sets the calling thread's mask, and fills `before` unless it is null.
void SetSignalMask(const sigset_t& mask, sigset_t* before);

// A socket that does not wait, and that no other program inherits. -1: errno.
int OpenSocket(int family, int type);

// As send(), but whom the other side has left gets no SIGPIPE.
ssize_t SendQuietly(int fd, const void* bytes, size_t size);

// Enough for the datagram that has come. -1, with errno, where there is none;
// but macOS does not look.
ssize_t RoomForDatagram(int fd);

// What ends a poll() for `wait`, from any thread: eight bytes that are written
// to `raise`. They may be one. -1: the system refused them.
struct Wakeup {
  int wait = -1;
  int raise = -1;
};

Wakeup OpenWakeup();
void CloseWakeup(const Wakeup& wakeup);

// The DNS records of a name that has a dot at its end: the size of the answer,
// or -1. `type`: as in <arpa/nameser.h>.
int QueryDns(const char* name, int type, unsigned char* answer, int size);

}  // namespace kpass

#endif  // KPASS_PLATFORM_H_
