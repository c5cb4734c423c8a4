// What the fuzzers put around the core in place of the world: the network, the
// clock, randomness and string-to-key. The core has no seam for this; libkrb5
// and the core find the functions that this file's source defines before their
// own, because the program comes first in the order of symbols.

#ifndef KPASS_FUZZ_STAGE_H_
#define KPASS_FUZZ_STAGE_H_

#include <krb5/krb5.h>
#include <stdint.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "verify.h"

namespace kpass::fuzz {

struct Stage {
  // The KDCs: a reply for each request, or none at all. Null: the network.
  std::function<std::optional<std::string>(std::string_view realm,
                                           std::string_view request)>
      kdc;
  // What came over the network, when that is in use.
  std::function<void(std::string_view reply)> on_reply;
  int64_t clock = 0;  // seconds since 1970, standing still; 0: the real one
  // Decides all random bytes, the same ones each time they are asked for: how
  // often that is depends on the context's age. 0: true randomness.
  uint64_t random = 0;
  // String-to-key, 95 % of a verification: what has not been asked before is
  // not computed, but answered with some key that depends on all of it.
  bool quick_keys = false;
};

Stage& TheStage();

// A folder of this process, removed when it exits.
const std::string& Folder();

// For a realm EXAMPLE.COM, and others, whose KDCs are the stage's.
Config StageConfig();

// A keytab in memory, kept as long as the process, with one key.
void AddToKeytab(const std::string& name, const std::string& principal,
                 krb5_kvno kvno, krb5_enctype type, const std::string& key);

// Ends the process, so that libFuzzer keeps the input.
[[noreturn]] void Violated(const char* what);

inline std::string_view View(const krb5_data& data) {
  return {data.data, data.length};
}

}  // namespace kpass::fuzz

#endif  // KPASS_FUZZ_STAGE_H_
