// The KDCs of a realm as krb5.conf or DNS names them, for people to read.

#ifndef KPASS_NAMED_KDCS_H_
#define KPASS_NAMED_KDCS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "net/site.h"

namespace kpass {

struct NamedKdc {
  std::string name;  // as krb5.conf has it; 'host:port' from DNS
  std::string host;
  uint16_t port = 0;
  bool udp = false, tcp = false;  // neither: kpass cannot reach it (a proxy)
};

struct NamedKdcs {
  // The source of the names: 'krb5.conf', 'SRV', 'URI' (records that kpass does
  // not read), 'locator' (a plug-in that only libkrb5 asks) or 'none'.
  const char* source = "none";
  std::vector<NamedKdc> kdcs;  // without those of URI records and the locator
  bool only_libkrb5 = false;   // only libkrb5 knows or reaches some KDCs

  bool Any() const { return !kdcs.empty() || only_libkrb5; }
};

// Finds the KDCs anew at each call. May wait for DNS.
NamedKdcs FindNamedKdcs(const Site& site);

}  // namespace kpass

#endif  // KPASS_NAMED_KDCS_H_
