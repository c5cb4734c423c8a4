// Which tokens this process has accepted, for as long as their authenticators
// are good: each is taken once (RFC 4120, 3.2.3).
//
// In memory, not in MIT's file: anybody who can write to /var/tmp can plant a
// link there in that file's place, and stop all logins.

#ifndef KPASS_REPLAYS_H_
#define KPASS_REPLAYS_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

namespace kpass {

class Replays {
 public:
  // When there are more, the oldest are forgotten.
  static constexpr size_t kMost = 100'000;

  // The one memory of the process, for all of its threads.
  static Replays& OfProcess();

  // Whether the tag is new. It is known from then on, for `life`.
  bool Take(std::string_view tag, std::chrono::seconds life);

 private:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    Clock::time_point end;
    std::string tag;
  };

  void ForgetFirst();

  std::mutex mutex_;
  std::deque<Entry> entries_;  // in the order in which they came
  std::unordered_set<std::string_view> known_;  // of their tags
};

}  // namespace kpass

#endif  // KPASS_REPLAYS_H_
