#include "base/exit_gate.h"

#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace kpass {
namespace {

// kPatience: exit waits no longer than this. One string-to-key takes 4 ms
// (aes-sha1) to 65 ms (aes-sha2); many at once on few cores take longer.
constexpr std::chrono::milliseconds kPatience{100};

struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  bool exiting = false;
};

// Never destroyed: the threads held at the gate use it until the process ends.
Gate& TheGate() {
  static Gate* const gate = new Gate;
  return *gate;
}

// Returns false if a thread is still inside after kPatience.
bool CloseGate() {
  Gate& gate = TheGate();
  std::unique_lock<std::mutex> lock(gate.mutex);
  gate.exiting = true;
  return gate.changed.wait_until(lock,
                                 std::chrono::system_clock::now() + kPatience,
                                 [&gate] { return gate.inside == 0; });
}

#ifdef __GLIBC__
void OnExit(int status, void*) {
  // Going on would abort the process. _exit() keeps its exit status.
  if (!CloseGate()) _exit(status);
}
#else
void OnExit() { CloseGate(); }
#endif

}  // namespace

void ExitGate::Install() {
  static const bool installed = [] {
    TheGate();
#ifdef __GLIBC__
    return on_exit(OnExit, nullptr) == 0;
#else
    return atexit(OnExit) == 0;
#endif
  }();
  (void)installed;
}

void ExitGate::Enter() {
  Gate& gate = TheGate();
  std::unique_lock<std::mutex> lock(gate.mutex);
  if (gate.exiting) {
    lock.unlock();
    for (;;) pause();
  }
  ++gate.inside;
}

void ExitGate::Leave() {
  Gate& gate = TheGate();
  const std::lock_guard<std::mutex> lock(gate.mutex);
  --gate.inside;
  if (gate.exiting) gate.changed.notify_all();
}

}  // namespace kpass
