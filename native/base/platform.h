// The differences between Linux and macOS. The rest of the native code calls
// these functions, and does not know which system it runs on.

#ifndef KPASS_PLATFORM_H_
#define KPASS_PLATFORM_H_

#include <signal.h>
#include <sys/types.h>

#include <cstddef>
#include <string>

namespace kpass {

// Zeroes bytes that are not read any more: a compiler may leave out a memset().
void Wipe(void* bytes, size_t size) noexcept;

// Keeps this code mapped until the process ends. A thread may still be in
// libkrb5 after the last environment that loaded the addon has ended.
void StayLoaded();

// The file of the loaded libkrb5; empty if the system does not tell it.
std::string Libkrb5File();

// Sets the calling thread's mask, and fills `before` unless it is null.
void SetSignalMask(const sigset_t& mask, sigset_t* before);

// A non-blocking socket that no other program inherits. -1: see errno.
int OpenSocket(int family, int type);

// Does the same as send(), but without SIGPIPE if the other side has closed the
// connection.
ssize_t SendQuietly(int fd, const void* bytes, size_t size);

// Returns enough room for the datagram that has come, or -1, with errno, if
// there is none. On macOS it always returns the largest size.
ssize_t RoomForDatagram(int fd);

// A pair of descriptors, maybe the same one twice. Any thread can end a poll()
// of `wait` by writing eight bytes to `raise`. Both are -1 if the system gave
// none.
struct Wakeup {
  int wait = -1;
  int raise = -1;
};

Wakeup OpenWakeup();
void CloseWakeup(const Wakeup& wakeup);

// Asks DNS for the records of a name, which ends with a dot. `type`: as in
// <arpa/nameser.h>. Returns the size of the answer, or -1.
int QueryDns(const char* name, int type, unsigned char* answer, int size);

}  // namespace kpass

#endif  // KPASS_PLATFORM_H_
