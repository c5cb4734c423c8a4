#include "kerberos/replays.h"

#include <string.h>

#include <algorithm>

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
  Entry** const bucket = BucketOf(tag);
  for (const Entry* entry = *bucket; entry != nullptr; entry = entry->next) {
    if (entry->tag == tag) return false;
  }
  if (entries_.size() == kMost) ForgetFirst();
  entries_.push_back({now + life, std::string(tag), *bucket});
  *bucket = &entries_.back();
  return true;
}

// Each bit of a tag is as good as random, so its first bytes are its hash.
Replays::Entry** Replays::BucketOf(std::string_view tag) {
  size_t hash = 0;
  memcpy(&hash, tag.data(), std::min(sizeof hash, tag.size()));
  return &buckets_[hash % kBuckets];
}

void Replays::ForgetFirst() {
  Entry* const first = &entries_.front();
  Entry** link = BucketOf(first->tag);
  while (*link != first) link = &(*link)->next;
  *link = first->next;
  entries_.pop_front();
}

}  // namespace kpass
