#include "kerberos/replays.h"

namespace kpass {

Replays& Replays::OfProcess() {
  // Never destroyed: a thread may outlive the program's end.
  static auto* const replays = new Replays;
  return *replays;
}

bool Replays::Take(std::string_view tag, std::chrono::seconds life) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Clock::time_point now = Clock::now();
  while (!entries_.empty() && entries_.front().end <= now) ForgetFirst();
  if (known_.count(tag) > 0) return false;
  if (entries_.size() == kMost) ForgetFirst();
  entries_.push_back({now + life, std::string(tag)});
  try {
    known_.insert(entries_.back().tag);
  } catch (...) {  // no memory: not known, and not accepted
    entries_.pop_back();
    throw;
  }
  return true;
}

void Replays::ForgetFirst() {
  known_.erase(entries_.front().tag);
  entries_.pop_front();
}

}  // namespace kpass
