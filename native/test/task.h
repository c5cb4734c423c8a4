// The harness's options.

#ifndef KPASS_TEST_TASK_H_
#define KPASS_TEST_TASK_H_

#include <string>

#include "kerberos/verification.h"

namespace kpass {

struct Task {
  Ref<Settings> settings{new Settings};
  std::string user;
  std::string password;
  long repeat = 1;
  size_t threads = 0;
  long abandon_ms = -1;
  bool fail_allocations = false;
  bool skim = false;
  bool lasting = false;
  bool genuine = false;
};

inline Secret SecretFrom(const std::string& text) {
  Secret secret(text.size());
  text.copy(secret.data(), text.size());
  return secret;
}

inline std::string Describe(const Outcome& outcome) {
  if (outcome.verified) return "verified " + outcome.principal;
  return std::string("not verified: ") + outcome.step + " " +
         std::to_string(outcome.code) + " " + outcome.message;
}

}  // namespace kpass

#endif  // KPASS_TEST_TASK_H_
