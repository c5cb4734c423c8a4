// What the fuzzers put around the core in place of the world: the network, the
// clock, randomness and string-to-key. The core has no seam for this; libkrb5
// and the core find the functions that this file's source defines before their
// own, because the program comes first in the order of symbols.

#ifndef KPASS_FUZZ_STAGE_H_
#define KPASS_FUZZ_STAGE_H_

#include <krb5/krb5.h>
#include <stdint.h>

#include <functional>
#include <string>
#include <string_view>

#include "kerberos/verify.h"
#include "network.h"

namespace kpass::fuzz {

struct Stage {
  Network network;
  // What came over the real one to libkrb5.
  std::function<void(std::string_view reply)> on_reply;
  // What has opened something encrypted.
  std::function<void(const krb5_keyblock& key, krb5_keyusage usage)>
      on_decrypted;
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

// Of the text, which it points to. libkrb5 takes no const ones.
inline krb5_data DataOf(std::string_view text) {
  krb5_data data = {};
  data.data = const_cast<char*>(text.data());
  data.length = static_cast<unsigned>(text.size());
  return data;
}

}  // namespace kpass::fuzz

#endif  // KPASS_FUZZ_STAGE_H_
