#include "base/turn.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace kpass {
namespace {

// One turn takes 4 ms (aes-sha1) to 65 ms (aes-sha2).
constexpr std::chrono::milliseconds kPatience{250};

struct Turns {
  const unsigned most = std::max(1U, std::thread::hardware_concurrency());
  std::mutex mutex;
  std::condition_variable free;
  unsigned taken = 0;
};

// Never destroyed: at exit, threads still use it.
Turns& TheTurns() {
  static Turns* const turns = new Turns;
  return *turns;
}

}  // namespace

Turn::Turn() {
  Turns& turns = TheTurns();
  std::unique_lock<std::mutex> lock(turns.mutex);
  turns.free.wait_until(lock, std::chrono::system_clock::now() + kPatience,
                        [&turns] { return turns.taken < turns.most; });
  ++turns.taken;
}

Turn::~Turn() {
  Turns& turns = TheTurns();
  const std::lock_guard<std::mutex> lock(turns.mutex);
  --turns.taken;
  turns.free.notify_one();
}

}  // namespace kpass
