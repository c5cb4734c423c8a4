#include "base/compute_slot.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace kpass {
namespace {

// One key takes 4 ms (aes-sha1) to 65 ms (aes-sha2).
constexpr std::chrono::milliseconds kPatience{250};

struct Slots {
  const unsigned most = std::max(1U, std::thread::hardware_concurrency());
  std::mutex mutex;
  std::condition_variable freed;
  unsigned taken = 0;
};

// Never destroyed: threads still use it at exit.
Slots& TheSlots() {
  static Slots* const slots = new Slots;
  return *slots;
}

}  // namespace

ComputeSlot::ComputeSlot() {
  Slots& slots = TheSlots();
  std::unique_lock<std::mutex> lock(slots.mutex);
  slots.freed.wait_until(lock, std::chrono::system_clock::now() + kPatience,
                         [&slots] { return slots.taken < slots.most; });
  ++slots.taken;
}

ComputeSlot::~ComputeSlot() {
  Slots& slots = TheSlots();
  const std::lock_guard<std::mutex> lock(slots.mutex);
  --slots.taken;
  slots.freed.notify_one();
}

}  // namespace kpass
