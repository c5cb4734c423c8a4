#include "net/kdcs.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "net/dns.h"
#include "net/host_string.h"

namespace kpass {
namespace {

using std::chrono::seconds;

// kAddressLifetime: how long addresses are kept. The resolver gives no TTL.
constexpr seconds kAddressLifetime{60};
// Bounds for the TTL of SRV records.
constexpr seconds kLeastLifetime{10};
constexpr seconds kMostLifetime{3600};
// kFailureLifetime: when DNS fails, the old list is used for this long.
constexpr seconds kFailureLifetime{1};

// kRetryAfter: a silent way is left alone for this long while others answer.
constexpr seconds kRetryAfter{10};

// kMostLists: the most lists that are kept. One process may use any number of
// realms and krb5.confs.
constexpr size_t kMostLists = 64;

struct Registry {
  std::mutex mutex;
  std::map<std::string, Ref<Kdcs>> lists;
};

// Never destroyed: threads still use it at exit.
Registry& TheRegistry() {
  static Registry* const registry = new Registry;
  return *registry;
}

}  // namespace

bool Way::SameAddress(const Way& other) const {
  return length == other.length &&
         memcmp(&address, &other.address, length) == 0;
}

std::string Way::Key() const {
  std::string key(reinterpret_cast<const char*>(&address), length);
  return key += tcp ? 't' : 'u';
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

std::vector<Way> ResolveHost(const std::string& host, uint16_t port) {
  std::vector<Way> ways;
  addrinfo hints = {};
  hints.ai_socktype = SOCK_DGRAM;  // each address once
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) !=
      0) {
    return ways;
  }
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    Way way;
    if (each->ai_addrlen > sizeof way.address) continue;
    memcpy(&way.address, each->ai_addr, each->ai_addrlen);
    way.length = each->ai_addrlen;
    ways.push_back(way);
  }
  freeaddrinfo(found);
  return ways;
}

Ref<Kdcs> Kdcs::For(Site site) {
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  std::string key = site.Key();
  const auto entry = registry.lists.find(key);
  if (entry != registry.lists.end()) return entry->second;
  // Each thread that uses a list keeps its reference. Other lists are built
  // again when they are needed.
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
    // While one thread asks DNS, the others use the old list; without one, they
    // ask too.
    if (!entries_.empty()) expire_ = now + kLeastLifetime;
    // Moved, not copied: a copy would need the libstdc++ of GCC 11.
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
    HostString read = ReadHostString(value);
    if (read.kind == HostString::Kind::kHost) {
      places.list.push_back({std::move(read.host), read.port});
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

// The ways in order of preference, as long as nothing is known about them: UDP
// to each place, then TCP to each place.
std::vector<Way> Kdcs::WaysTo(const std::vector<Place>& places) {
  std::vector<Way> udp;
  std::vector<Way> tcp;
  std::set<std::string> seen;
  const auto add = [&seen](const Way& way, std::vector<Way>* ways) {
    if (seen.insert(way.Key()).second) ways->push_back(way);
  };
  for (const Place& place : places) {
    for (const Way& way : ResolveHost(place.host, place.port)) {
      if (place.udp) add(way, &udp);
      if (place.tcp) add(way.ByTcp(), &tcp);
    }
  }
  std::vector<Way> ways = std::move(udp);
  // A loop, not insert(): insert() would need a newer libstdc++ than RHEL 8's.
  for (const Way& way : tcp) ways.push_back(way);
  return ways;
}

void Kdcs::Store(Places places, const std::vector<Way>& ways) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto now = Clock::now();
  if (ways.empty() && !places.others) {
    // DNS failed, but its last answer may still be right.
    expire_ = now + kFailureLifetime;
    return;
  }
  std::vector<Entry> entries;
  std::map<std::string, size_t> index;
  for (const Way& way : ways) {
    const Entry* const before = Find(way);
    index.emplace(way.Key(), entries.size());
    entries.push_back({way, before == nullptr ? Health{} : before->health});
  }
  entries_ = std::move(entries);
  index_ = std::move(index);
  places_ = std::move(places);
  expire_ = now + kAddressLifetime;
}

Kdcs::Entry* Kdcs::Find(const Way& way) {
  const auto found = index_.find(way.Key());
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::vector<Way> Kdcs::Ways(bool large) {
  using State = Health::State;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Way> ways;
  for (const bool unfit : {false, true}) {
    for (const State state :
         {State::kAnswers, State::kUnknown, State::kSilent}) {
      for (const Entry& entry : entries_) {
        if ((large && !entry.way.tcp) == unfit && entry.health.state == state) {
          ways.push_back(entry.way);
        }
      }
    }
  }
  return ways;
}

std::optional<Way> Kdcs::WorthRetrying(Clock::time_point now) {
  using State = Health::State;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Entry& entry : entries_) {
    if (entry.health.state == State::kAnswers) return std::nullopt;
    if (entry.health.state == State::kSilent &&
        now - entry.health.asked >= kRetryAfter) {
      entry.health.asked = now;
      return entry.way;
    }
  }
  return std::nullopt;
}

void Kdcs::MarkAsked(const Way& way, Clock::time_point now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (Entry* const entry = Find(way)) entry->health.asked = now;
}

void Kdcs::MarkAnswered(const Way& way, Clock::time_point asked,
                        Clock::time_point now) {
  using State = Health::State;
  const std::lock_guard<std::mutex> lock(mutex_);
  Entry* const entry = Find(way);
  if (entry == nullptr) return;
  Health& health = entry->health;
  if (health.state == State::kSilent) health.back = now;
  const auto delay = now - asked;
  health.delay =
      health.state == State::kAnswers ? (3 * health.delay + delay) / 4 : delay;
  health.answered = now;
  health.state = State::kAnswers;
}

void Kdcs::MarkSilent(const Way& way) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (Entry* const entry = Find(way)) {
    entry->health.state = Health::State::kSilent;
  }
}

Health Kdcs::HealthOf(const Way& way) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Entry* const entry = Find(way);
  return entry == nullptr ? Health{} : entry->health;
}

bool Kdcs::Has(const Way& way) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Find(way) != nullptr;
}

bool Kdcs::HasAddress(const Way& way) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::any_of(
      entries_.begin(), entries_.end(),
      [&way](const Entry& entry) { return entry.way.SameAddress(way); });
}

}  // namespace kpass
