// The tokens that this process has accepted, so that it accepts each once
// (RFC 4120, 3.2.3).
//
// MIT's replay cache is a file in /var/tmp. There, any user of the machine can
// put a link in its place, and so stop all logins. This one is in memory.

#ifndef KPASS_REPLAYS_H_
#define KPASS_REPLAYS_H_

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace kpass {

class Replays {
 public:
  // One more, and it forgets the oldest.
  static constexpr size_t kMost = 100'000;

  // The one memory of the process, for all of its threads.
  static Replays& OfProcess();

  // Returns whether the tag is new, and remembers it for `life`. A tag is the
  // code of a cryptographic checksum.
  bool Take(std::string_view tag, std::chrono::seconds life);

 private:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    Clock::time_point end;
    std::string tag;
    Entry* next = nullptr;  // in its bucket
  };

  static constexpr size_t kBuckets = size_t{1} << 17;

  Entry** BucketOf(std::string_view tag);
  void ForgetFirst();

  std::mutex mutex_;
  // Not a deque and not a std::unordered_set: they need a libstdc++ of GCC 11.
  std::list<Entry> entries_;  // the oldest first
  std::vector<Entry*> buckets_ = std::vector<Entry*>(kBuckets);
};

}  // namespace kpass

#endif  // KPASS_REPLAYS_H_
