// A recording: one verification with a real KDC, written down so that it can be
// played back. It is a text file with one word and its value on each line, and
// holds the made-up keys that it needs.

#ifndef KPASS_FUZZ_RECORDING_H_
#define KPASS_FUZZ_RECORDING_H_

#include <krb5/krb5.h>
#include <stdint.h>

#include <filesystem>
#include <string>
#include <vector>

#include "stage.h"

namespace kpass::fuzz {

// A key that opens some encrypted part of a reply.
struct Lock {
  krb5_keyusage usage = 0;
  krb5_enctype type = 0;
  std::string key;

  bool operator==(const Lock& other) const {
    return usage == other.usage && type == other.type && key == other.key;
  }
};

struct Recording {
  std::string name;
  std::string user;
  std::string password;
  bool canonicalize = false;
  int64_t clock = 0;
  uint64_t random = 0;
  std::string service;  // the principal whose keys the keytab has
  std::vector<std::string> replies;
  std::string outcome;

  // Found in the replies.
  std::string ticket;  // its ciphertext, which only the realm's KDC can make
  std::vector<Lock> locks;  // the keys of the client, and of its user
};

// 'verified alice@EXAMPLE.COM', or the step and the code of a failure.
std::string Describe(const Outcome& outcome);
bool Verified(const Recording& recording);

// The keytab that Load() fills with the recording's keys.
std::string KeytabOf(const Recording& recording);

Ref<Settings> SettingsFor(const Config& config, const std::string& keytab,
                          bool canonicalize, bool libkrb5_transport);
Outcome Verify(const Ref<Settings>& settings, const std::string& user,
               const std::string& password);

// Reads a recording; `locks` stays empty.
Recording Load(const std::filesystem::path& path);

// Runs one verification with a real KDC, writes it down, and exits. `args`: as
// in the usage of replies.cc, from FILE on.
[[noreturn]] void Record(char** args, bool canonicalize);

}  // namespace kpass::fuzz

#endif  // KPASS_FUZZ_RECORDING_H_
