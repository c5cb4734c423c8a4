// Fills Replays beyond its most, and with tags that share buckets. Exits with 1
// at the first answer that is wrong, and prints its place.

#include "kerberos/replays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>

namespace kpass {
namespace {

constexpr std::chrono::seconds kLong{1000};

// A tag of 12 bytes, as of AES. `bucket` decides where it goes.
std::string TagOf(uint64_t bucket, uint32_t number) {
  std::string tag(sizeof bucket + sizeof number, '\0');
  memcpy(tag.data(), &bucket, sizeof bucket);
  memcpy(tag.data() + sizeof bucket, &number, sizeof number);
  return tag;
}

void Expect(bool wanted, bool got, const char* what, uint64_t number) {
  if (wanted == got) return;
  fprintf(stderr, "%s %llu: %d\n", what,
          static_cast<unsigned long long>(number), got);
  exit(1);
}

// Each tag once, in `buckets` buckets; the oldest are forgotten.
void Fill(uint64_t buckets, uint32_t beyond) {
  const auto replays = std::make_unique<Replays>();
  const auto tag = [buckets](uint32_t n) { return TagOf(n % buckets, n); };
  const auto all = static_cast<uint32_t>(Replays::kMost) + beyond;
  for (uint32_t n = 0; n < all; ++n) {
    Expect(true, replays->Take(tag(n), kLong), "new", n);
    if (n % 1000 == 0) Expect(false, replays->Take(tag(n), kLong), "again", n);
  }
  for (uint32_t n = beyond; n < all; n += 997) {
    Expect(false, replays->Take(tag(n), kLong), "remembered", n);
  }
  for (uint32_t n = 0; n < beyond; n += 997) {
    Expect(true, replays->Take(tag(n), kLong), "forgotten", n);
  }
}

void Expire() {
  const auto replays = std::make_unique<Replays>();
  for (int round = 0; round < 3; ++round) {
    // No life at all: forgotten before the next one.
    Expect(true, replays->Take(TagOf(1, 1), std::chrono::seconds{0}), "expired",
           1);
  }
  Expect(true, replays->Take(TagOf(1, 2), kLong), "next", 2);
  Expect(false, replays->Take(TagOf(1, 2), kLong), "next", 2);
  Expect(true, replays->Take("short", kLong), "short", 0);
  Expect(false, replays->Take("short", kLong), "short", 0);
  Expect(true, replays->Take("", kLong), "empty", 0);
  Expect(false, replays->Take("", kLong), "empty", 0);
}

}  // namespace
}  // namespace kpass

int main() {
  kpass::Fill(uint64_t{1} << 40, 20'000);  // hardly any share a bucket
  kpass::Fill(5'000, 20'000);              // twenty do
  kpass::Expire();
}
