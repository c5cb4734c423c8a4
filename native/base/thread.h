// Starts threads that nobody joins: they end by themselves, or with the
// process.

#ifndef KPASS_THREAD_H_
#define KPASS_THREAD_H_

#include <functional>

namespace kpass {

// The thread has every signal blocked: signals are for the program's own
// threads. Returns false if the system refuses to start one.
bool StartThread(std::function<void()> work);

}  // namespace kpass

#endif  // KPASS_THREAD_H_
