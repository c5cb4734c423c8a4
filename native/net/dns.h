// Finds the KDCs and password servers that DNS names for a realm: RFC
// 4120, 7.2.3.2; RFC 2782.

#ifndef KPASS_DNS_H_
#define KPASS_DNS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace kpass {

struct DnsKdc {
  std::string host;
  uint16_t port = 0;
  bool tcp = false;
  uint16_t priority = 0;
};

struct DnsAnswer {
  std::vector<DnsKdc> kdcs;     // sorted by priority
  std::chrono::seconds ttl{0};  // the shortest of the records' lifetimes
};

// Looks up SRV records: with `primary`, those of `_kerberos-master`. Waits for
// DNS.
DnsAnswer LookUpKdcs(const std::string& realm, bool primary);

// Looks up the SRV records of a service that is asked by TCP: '_kpasswd'. Waits
// for DNS.
DnsAnswer LookUpByTcp(const std::string& service, const std::string& realm);

// Whether the realm has MIT's URI records, which only libkrb5 understands.
// https://web.mit.edu/kerberos/krb5-latest/doc/admin/realm_config.html
bool HasUriRecords(const std::string& realm);

}  // namespace kpass

#endif  // KPASS_DNS_H_
