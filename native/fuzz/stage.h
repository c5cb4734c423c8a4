// The stage replaces the network, the clock, random numbers and string-to-key
// for the fuzzers. stage.cc defines functions in place of those of libc,
// libkrb5 and libk5crypto. The dynamic linker finds the program's symbols
// first, so the core and libkrb5 call these functions, and neither needs a seam
// for tests.

#ifndef KPASS_FUZZ_STAGE_H_
#define KPASS_FUZZ_STAGE_H_

#include <krb5/krb5.h>
#include <stdint.h>

#include <functional>
#include <string>
#include <string_view>

#include "base/view.h"
#include "kerberos/verification.h"
#include "network.h"

namespace kpass::fuzz {

struct Stage {
  Network network;
  // Sees each reply that libkrb5 got from the real network.
  std::function<void(std::string_view reply)> on_reply;
  // Sees each key that decrypted something.
  std::function<void(const krb5_keyblock& key, krb5_keyusage usage)>
      on_decrypted;
  int64_t clock = 0;  // stands still, in seconds since 1970; 0: the real time
  // The seed of all random bytes. Each request gets the same bytes, because the
  // number of requests depends on the context's age. 0: true random bytes.
  uint64_t random = 0;
  // String-to-key takes 95 % of a verification's time. If true, string-to-key
  // makes up a key for new arguments. The key depends on all arguments.
  bool quick_keys = false;
};

Stage& TheStage();

// A folder of this process. It is removed at exit.
const std::string& Folder();

// A krb5.conf with two realms, EXAMPLE.COM and OTHER.EXAMPLE, on the stage.
Config StageConfig();

// Adds one key to a keytab in memory, which lives as long as the process.
void AddToKeytab(const std::string& name, const std::string& principal,
                 krb5_kvno kvno, krb5_enctype type, const std::string& key);

// Aborts the process, so that libFuzzer keeps the input.
[[noreturn]] void Violated(const char* what);

}  // namespace kpass::fuzz

#endif  // KPASS_FUZZ_STAGE_H_
