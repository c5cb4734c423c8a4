#include "net/site.h"

#include <dirent.h>

#include "base/platform.h"
#include "net/host_string.h"

namespace kpass {
namespace {

// The folder of locator plug-ins, next to the library itself. With a plug-in,
// another program (SSSD) tells libkrb5 where a realm's KDCs are. libkrb5 asks
// the plug-in before it looks into krb5.conf.
std::string LocatorFolder() {
  const std::string library = Libkrb5File();
  if (library.empty()) return library;
  return library.substr(0, library.rfind('/')) + "/krb5/plugins/libkrb5";
}

}  // namespace

Site Site::Of(const KeptContext& kept, const std::string& realm, bool primary) {
  Site site;
  site.realm = realm;
  site.primary = primary;
  site.tag = primary ? "primary_kdc" : "kdc";
  site.named = kept.List("realms", realm, site.tag.c_str());
  if (primary && site.named.empty()) {
    site.tag = "master_kdc";  // its name before krb5 1.19
    site.named = kept.List("realms", realm, site.tag.c_str());
  }
  site.dns = kept.Flag("dns_lookup_kdc", kept.Flag("dns_fallback", true));
  site.uri = kept.Flag("dns_uri_lookup", true);
  // Since krb5 1.22: DNS names the KDCs of one site of an AD forest.
  site.only_libkrb5 =
      site.named.empty() && !kept.List("realms", realm, "sitename").empty();
  return site;
}

std::string Site::Key() const {
  std::string key = realm;
  for (const std::string& kdc : named) key += '\n' + kdc;
  key += '\n';
  for (const bool flag : {primary, dns, uri, only_libkrb5}) {
    key += flag ? '1' : '0';
  }
  return key;
}

std::optional<std::string> FindKdcMistake(const KeptContext& kept,
                                          const std::string& realm) {
  for (const bool primary : {false, true}) {
    const Site site = Site::Of(kept, realm, primary);
    for (const std::string& value : site.named) {
      if (ReadHostString(value).kind == HostString::Kind::kMistake) {
        return site.tag + " = " + value + " in realm " + realm;
      }
    }
  }
  return std::nullopt;
}

bool HasLocator() {
  static const bool has = [] {
    DIR* folder = opendir(LocatorFolder().c_str());
    if (folder == nullptr) return false;
    bool any = false;
    while (const dirent* entry = readdir(folder)) {
      any = any || entry->d_name[0] != '.';
    }
    closedir(folder);
    return any;
  }();
  return has;
}

}  // namespace kpass
