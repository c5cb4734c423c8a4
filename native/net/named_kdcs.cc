#include "net/named_kdcs.h"

#include <algorithm>

#include "net/dns.h"
#include "net/host_string.h"

namespace kpass {
namespace {

NamedKdc AsWritten(const std::string& value) {
  NamedKdc kdc;
  kdc.name = value;
  const HostString read = ReadHostString(value);
  if (read.kind != HostString::Kind::kHost) return kdc;
  kdc.host = read.host;
  kdc.port = read.port;
  kdc.udp = kdc.tcp = true;
  return kdc;
}

// Adds each host and port once, by priority.
void AddSrvKdcs(const Site& site, std::vector<NamedKdc>* kdcs) {
  for (const DnsKdc& kdc : LookUpKdcs(site.realm, site.primary).kdcs) {
    const std::string name = kdc.host + ':' + std::to_string(kdc.port);
    auto entry = std::find_if(
        kdcs->begin(), kdcs->end(),
        [&name](const NamedKdc& each) { return each.name == name; });
    if (entry == kdcs->end()) {
      entry = kdcs->insert(entry, {name, kdc.host, kdc.port, false, false});
    }
    (kdc.tcp ? entry->tcp : entry->udp) = true;
  }
}

}  // namespace

NamedKdcs FindNamedKdcs(const Site& site) {
  NamedKdcs named;
  named.only_libkrb5 = site.only_libkrb5 || HasLocator();
  for (const std::string& value : site.named) {
    named.kdcs.push_back(AsWritten(value));
    if (!named.kdcs.back().udp) named.only_libkrb5 = true;
  }
  if (!site.named.empty()) {
    named.source = "krb5.conf";
  } else if (site.dns) {
    const bool uri = site.uri && HasUriRecords(site.realm);
    // libkrb5 asks for SRV records only if there are no URI records.
    if (!uri) AddSrvKdcs(site, &named.kdcs);
    if (uri || !named.kdcs.empty()) named.source = uri ? "URI" : "SRV";
    if (uri) named.only_libkrb5 = true;
  }
  // libkrb5 asks a locator first. It asks the other sources only if the locator
  // knows no KDC.
  if (HasLocator()) named.source = "locator";
  return named;
}

}  // namespace kpass
