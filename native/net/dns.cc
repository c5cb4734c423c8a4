#include "net/dns.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>

#include "base/platform.h"

// Links the version of the symbol that glibc had before 2.34, so that the
// binary runs with older versions as well.
#if defined(__GLIBC__) && defined(__x86_64__) && defined(__LP64__)
__asm__(".symver dn_expand, __dn_expand@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver dn_expand, __dn_expand@GLIBC_2.17");
#endif

namespace kpass {
namespace {

constexpr int kUri = 256;          // RFC 7553
constexpr int kMostBytes = 65535;  // RFC 1035, 4.2.2
// The bytes of priority, weight and port, which come before the target.
constexpr size_t kSrvFixed = 6;

using Bytes = std::vector<unsigned char>;

// The whole answer, or nothing. The dot at the name's end keeps the resolver
// from appending the search domains of resolv.conf.
Bytes Ask(const std::string& name, int type) {
  Bytes answer(kMostBytes);
  const int size =
      QueryDns((name + ".").c_str(), type, answer.data(), kMostBytes);
  answer.resize(static_cast<size_t>(std::clamp(size, 0, kMostBytes)));
  return answer;
}

// Calls `take` for each record of this type.
template <typename Take>
void ForEach(const Bytes& answer, int type, Take take) {
  ns_msg message;
  if (answer.empty() ||
      ns_initparse(answer.data(), static_cast<int>(answer.size()), &message) !=
          0) {
    return;
  }
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record;
    if (ns_parserr(&message, ns_s_an, i, &record) != 0) return;
    if (ns_rr_type(record) == type) take(message, record);
  }
}

void AddKdcs(const std::string& name, bool tcp, DnsAnswer* found) {
  const Bytes answer = Ask(name, ns_t_srv);
  ForEach(answer, ns_t_srv, [&](const ns_msg& message, const ns_rr& record) {
    const unsigned char* const data = ns_rr_rdata(record);
    char host[NS_MAXDNAME];
    if (ns_rr_rdlen(record) <= kSrvFixed ||
        dn_expand(ns_msg_base(message), ns_msg_end(message), data + kSrvFixed,
                  host, sizeof host) < 0) {
      return;
    }
    // RFC 2782: the target "." means that the service does not exist.
    if (*host == '\0' || (host[0] == '.' && host[1] == '\0')) return;
    const auto number = [data](size_t at) {
      return static_cast<uint16_t>(data[at] << 8 | data[at + 1]);
    };
    const std::chrono::seconds ttl(ns_rr_ttl(record));
    found->ttl = found->kdcs.empty() ? ttl : std::min(found->ttl, ttl);
    found->kdcs.push_back({host, number(4), tcp, number(0)});
  });
}

void SortByPriority(DnsAnswer* found) {
  std::stable_sort(
      found->kdcs.begin(), found->kdcs.end(),
      [](const DnsKdc& a, const DnsKdc& b) { return a.priority < b.priority; });
}

}  // namespace

DnsAnswer LookUpKdcs(const std::string& realm, bool primary) {
  const std::string service = primary ? "_kerberos-master." : "_kerberos.";
  DnsAnswer found;
  AddKdcs(service + "_udp." + realm, /*tcp=*/false, &found);
  AddKdcs(service + "_tcp." + realm, /*tcp=*/true, &found);
  SortByPriority(&found);
  return found;
}

DnsAnswer LookUpByTcp(const std::string& service, const std::string& realm) {
  DnsAnswer found;
  AddKdcs(service + "._tcp." + realm, /*tcp=*/true, &found);
  SortByPriority(&found);
  return found;
}

bool HasUriRecords(const std::string& realm) {
  bool has = false;
  ForEach(Ask("_kerberos." + realm, kUri), kUri,
          [&has](const ns_msg&, const ns_rr&) { has = true; });
  return has;
}

}  // namespace kpass
