// A site: krb5.conf's settings for finding a realm's KDCs.

#ifndef KPASS_SITE_H_
#define KPASS_SITE_H_

#include <optional>
#include <string>
#include <vector>

#include "base/context.h"

namespace kpass {

struct Site {
  std::string realm;
  bool primary = false;            // only the primary KDCs are meant
  std::string tag;                 // 'kdc', 'primary_kdc' or 'master_kdc'
  std::vector<std::string> named;  // its values; empty: DNS names the KDCs
  bool dns = true;                 // DNS may be asked
  bool uri = true;                 // URI records may be used
  bool only_libkrb5 = false;       // only libkrb5 supports the settings

  static Site Of(const KeptContext& kept, const std::string& realm,
                 bool primary);

  // Names the site and its values in the process's memory of KDCs.
  std::string Key() const;
};

// libkrb5 reads a realm's whole list before it calls the send hook. For one bad
// value it fails with EINVAL, even if the other KDCs answer.
//
// Returns the first value that libkrb5 refuses in the realm's lists, as
// krb5.conf has it: 'kdc = host:x in realm EXAMPLE.COM'. Returns nothing if
// there is none.
std::optional<std::string> FindKdcMistake(const KeptContext& kept,
                                          const std::string& realm);

// Whether a locator plug-in is installed. It may know other KDCs than
// krb5.conf.
bool HasLocator();

}  // namespace kpass

#endif  // KPASS_SITE_H_
