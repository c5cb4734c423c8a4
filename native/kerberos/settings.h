// The service that users log in to, and the settings of a verification.

#ifndef KPASS_SETTINGS_H_
#define KPASS_SETTINGS_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/ref.h"

namespace kpass {

// Whether users' logins are armored (armor.h).
enum class FastRule { kNever, kTry, kRequire };

// The value for a KDC that asks for a user's token (answers.h): none, the
// password with the token's value after it, or the token's value alone.
enum class OtpRule { kNever, kJoined, kAlone };

// No Settings changes after it is shared.
struct Settings : public RefCounted {
  std::string service;                // 'HTTP'
  std::optional<std::string> host;    // as written; none: this machine's name
  std::optional<std::string> keytab;  // none: libkrb5's default keytab
  std::vector<std::string> realms;    // empty: the service's own realm
  std::vector<std::string> upn_suffixes;   // asked for as enterprise names
  std::vector<std::string> domain_realms;  // that names with a domain get
  bool canonicalize = false;               // the KDC may rename the account
  bool trace = false;              // keep libkrb5's account of each step
  bool libkrb5_transport = false;  // libkrb5 carries the messages itself
  FastRule fast = FastRule::kNever;
  OtpRule otp = OtpRule::kNever;
  std::string fast_principal;  // logs in for the armor; empty: the service
  std::chrono::milliseconds timeout{10'000};  // of a login for the armor
  Config config;
};

}  // namespace kpass

#endif  // KPASS_SETTINGS_H_
