// The service that users log in to, and the settings of a verification.

#ifndef KPASS_SETTINGS_H_
#define KPASS_SETTINGS_H_

#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/ref.h"

namespace kpass {

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
  Config config;
};

}  // namespace kpass

#endif  // KPASS_SETTINGS_H_
