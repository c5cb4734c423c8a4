#include "net/kdcs.h"

#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <system_error>
#include <utility>

#include "base/platform.h"
#include "net/dns.h"

namespace kpass {
namespace {

using std::chrono::seconds;

constexpr uint16_t kKerberosPort = 88;

// What is resolved is kept so long: addresses, which come without their TTL;
// the least and the most of a TTL; and what there was, when DNS fails.
constexpr seconds kAddressLifetime{60};
constexpr seconds kLeastLifetime{10};
constexpr seconds kMostLifetime{3600};
constexpr seconds kFailureLifetime{1};

// How long a KDC that was silent is left alone, while others answer.
constexpr seconds kRetryAfter{10};

// By UDP and by TCP, of one realm; and lists in the process. A krb5.conf may
// name any number.
constexpr size_t kMostWays = 64;
constexpr size_t kMostLists = 64;

// The folder of the plug-ins by which other programs (SSSD) tell libkrb5 where
// a realm's KDCs are, before krb5.conf has its say: beside the library itself.
std::string LocatorFolder() {
  const std::string library = Libkrb5File();
  if (library.empty()) return library;
  return library.substr(0, library.rfind('/')) + "/krb5/plugins/libkrb5";
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

struct Registry {
  std::mutex mutex;
  std::map<std::string, Ref<Kdcs>> lists;
};

// Never destroyed: at exit, threads still use it.
Registry& TheRegistry() {
  static Registry* const registry = new Registry;
  return *registry;
}

std::string KeyOf(const Site& site) {
  std::string key = site.realm;
  for (const std::string& kdc : site.named) key += '\n' + kdc;
  key += '\n';
  for (const bool flag :
       {site.primary, site.dns, site.uri, site.only_libkrb5}) {
    key += flag ? '1' : '0';
  }
  return key;
}

}  // namespace

Site Site::Of(const KeptContext& kept, const std::string& realm, bool primary) {
  Site site;
  site.realm = realm;
  site.primary = primary;
  site.named = kept.List("realms", realm, primary ? "primary_kdc" : "kdc");
  if (primary && site.named.empty()) {
    site.named = kept.List("realms", realm, "master_kdc");
  }
  site.dns = kept.Flag("dns_lookup_kdc", kept.Flag("dns_fallback", true));
  site.uri = kept.Flag("dns_uri_lookup", true);
  // Since krb5 1.22: DNS is asked for the KDCs of a site of an AD forest.
  site.only_libkrb5 =
      site.named.empty() && !kept.List("realms", realm, "sitename").empty();
  return site;
}

bool Way::SameAddress(const Way& other) const {
  return length == other.length &&
         memcmp(&address, &other.address, length) == 0;
}

Way Way::ByTcp() const {
  Way way = *this;
  way.tcp = true;
  return way;
}

std::string Way::Text() const {
  char host[NI_MAXHOST] = "?";
  char port[NI_MAXSERV] = "?";
  (void)getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, host,
                    sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
  const char* const kind = tcp ? "TCP " : "UDP ";
  if (address.ss_family == AF_INET6) {
    return std::string(kind) + '[' + host + "]:" + port;
  }
  return std::string(kind) + host + ':' + port;
}

Ref<Kdcs> Kdcs::For(Site site) {
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  std::string key = KeyOf(site);
  const auto entry = registry.lists.find(key);
  if (entry != registry.lists.end()) return entry->second;
  // Whoever uses one still has it. What is forgotten is learnt again.
  if (registry.lists.size() >= kMostLists) registry.lists.clear();
  Ref<Kdcs> made(new Kdcs(std::move(site)));
  registry.lists.emplace(std::move(key), made);
  return made;
}

bool Kdcs::Resolve() {
  if (site_.only_libkrb5 || HasLocator()) return false;
  Places places;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto now = Clock::now();
    if (now < expire_) return !places_.others;
    // Who comes while DNS is asked goes by what there was; if there was
    // nothing, it asks as well.
    if (!known_.empty()) expire_ = now + kLeastLifetime;
    // Not a copy: that needs libstdc++ of GCC 11.
    places = std::exchange(places_, {});
  }
  if (Clock::now() >= places.expire) places = FindPlaces();
  const std::vector<Way> ways =
      places.others ? std::vector<Way>{} : WaysTo(places.list);
  const bool others = places.others;
  Store(std::move(places), ways);
  return !others;
}

Kdcs::Places Kdcs::FindPlaces() const {
  Places places;
  seconds lifetime = kMostLifetime;
  for (const std::string& value : site_.named) {
    Place place;
    if (Parse(value, &place)) {
      places.list.push_back(std::move(place));
    } else {
      places.others = true;
    }
  }
  if (site_.named.empty() && site_.dns) {
    const DnsAnswer answer = LookUpKdcs(site_.realm, site_.primary);
    for (const DnsKdc& kdc : answer.kdcs) {
      places.list.push_back({kdc.host, kdc.port, !kdc.tcp, kdc.tcp});
    }
    places.others = site_.uri && HasUriRecords(site_.realm);
    lifetime = std::clamp(answer.ttl, kLeastLifetime, kMostLifetime);
  }
  places.expire = Clock::now() + lifetime;
  return places;
}

// 'host', 'host:port', '[2001:db8::1]:port'. False for what only libkrb5 can
// reach: an HTTPS proxy, a UNIX socket.
bool Kdcs::Parse(const std::string& value, Place* place) {
  place->port = kKerberosPort;
  if (value.empty() || value.find('/') != std::string::npos) return false;
  size_t end = value.find(':');
  if (value.front() == '[') {
    const size_t bracket = value.find(']');
    if (bracket == std::string::npos) return false;
    place->host = value.substr(1, bracket - 1);
    end = bracket + 1;
  } else {
    place->host = value.substr(0, end);
  }
  if (place->host.empty()) return false;
  if (end >= value.size()) return true;
  if (value[end] != ':') return false;
  // No strtoul(), of which a newer glibc's headers make a newer symbol.
  const char* const last = value.data() + value.size();
  const auto [stop, error] =
      std::from_chars(value.data() + end + 1, last, place->port);
  return error == std::errc() && stop == last && place->port != 0;
}

// UDP to each before TCP to any: what the ways are worth, if nothing is known.
std::vector<Way> Kdcs::WaysTo(const std::vector<Place>& places) {
  std::vector<Way> udp;
  std::vector<Way> tcp;
  const auto add = [](const Way& way, std::vector<Way>* ways) {
    const bool is_there =
        std::find(ways->begin(), ways->end(), way) != ways->end();
    if (!is_there && ways->size() < kMostWays) ways->push_back(way);
  };
  for (const Place& place : places) {
    addrinfo hints = {};
    hints.ai_socktype = SOCK_DGRAM;  // each address once
    hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    if (getaddrinfo(place.host.c_str(), std::to_string(place.port).c_str(),
                    &hints, &found) != 0) {
      continue;
    }
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
      Way way;
      if (each->ai_addrlen > sizeof way.address) continue;
      memcpy(&way.address, each->ai_addr, each->ai_addrlen);
      way.length = each->ai_addrlen;
      if (place.udp) add(way, &udp);
      if (place.tcp) add(way.ByTcp(), &tcp);
    }
    freeaddrinfo(found);
  }
  for (const Way& way : tcp) udp.push_back(way);
  return udp;
}

void Kdcs::Store(Places places, const std::vector<Way>& ways) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto now = Clock::now();
  if (ways.empty() && !places.others) {
    // DNS fails: what it said before may still be right.
    expire_ = now + kFailureLifetime;
    return;
  }
  std::vector<Known> known;
  for (const Way& way : ways) {
    const Known* const before = Find(way);
    known.push_back({way, before == nullptr ? Health{} : before->health});
  }
  known_ = std::move(known);
  places_ = std::move(places);
  expire_ = now + kAddressLifetime;
}

Kdcs::Known* Kdcs::Find(const Way& way) {
  for (Known& known : known_) {
    if (known.way == way) return &known;
  }
  return nullptr;
}

std::vector<Way> Kdcs::Ways(bool large) {
  using State = Health::State;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Way> ways;
  for (const bool unfit : {false, true}) {
    for (const State state :
         {State::kAnswers, State::kUnknown, State::kSilent}) {
      for (const Known& known : known_) {
        if ((large && !known.way.tcp) == unfit && known.health.state == state) {
          ways.push_back(known.way);
        }
      }
    }
  }
  return ways;
}

std::optional<Way> Kdcs::WorthRetrying(Clock::time_point now) {
  using State = Health::State;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Known& known : known_) {
    if (known.health.state == State::kAnswers) return std::nullopt;
    if (known.health.state == State::kSilent &&
        now - known.health.asked >= kRetryAfter) {
      known.health.asked = now;
      return known.way;
    }
  }
  return std::nullopt;
}

void Kdcs::Asked(const Way& way, Clock::time_point now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (Known* const known = Find(way)) known->health.asked = now;
}

void Kdcs::Answered(const Way& way, Clock::time_point asked,
                    Clock::time_point now) {
  using State = Health::State;
  const std::lock_guard<std::mutex> lock(mutex_);
  Known* const known = Find(way);
  if (known == nullptr) return;
  Health& health = known->health;
  if (health.state == State::kSilent) health.back = now;
  const auto delay = now - asked;
  health.delay =
      health.state == State::kAnswers ? (3 * health.delay + delay) / 4 : delay;
  health.answered = now;
  health.state = State::kAnswers;
}

void Kdcs::Silent(const Way& way) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (Known* const known = Find(way)) {
    known->health.state = Health::State::kSilent;
  }
}

Health Kdcs::HealthOf(const Way& way) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Known* const known = Find(way);
  return known == nullptr ? Health{} : known->health;
}

bool Kdcs::Has(const Way& way) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Find(way) != nullptr;
}

bool Kdcs::HasAddress(const Way& way) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::any_of(known_.begin(), known_.end(), [&way](const Known& known) {
    return known.way.SameAddress(way);
  });
}

}  // namespace kpass
