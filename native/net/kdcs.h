// The KDCs of a realm, as kpass's own transport knows them: the ways to reach
// them, and which ways answered last time. libkrb5 remembers neither, and waits
// for a dead KDC in each exchange.
//
// The whole process shares the lists: one for each realm and each krb5.conf's
// settings for it. So one verification waits for a dead KDC, and the next ones
// do not.

#ifndef KPASS_KDCS_H_
#define KPASS_KDCS_H_

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ref.h"
#include "net/site.h"

namespace kpass {

using Clock = std::chrono::steady_clock;

// A way: an address of a KDC, and UDP or TCP.
struct Way {
  sockaddr_storage address = {};
  socklen_t length = 0;
  bool tcp = false;

  bool SameAddress(const Way& other) const;
  bool operator==(const Way& other) const {
    return tcp == other.tcp && SameAddress(other);
  }
  Way ByTcp() const;
  std::string Key() const;   // equal for equal ways
  std::string Text() const;  // 'UDP 192.0.2.1:88'
};

// The ways to a host by UDP, one for each of its addresses. May wait for DNS.
std::vector<Way> ResolveHost(const std::string& host, uint16_t port);

// The history of a way.
struct Health {
  enum class State { kUnknown, kAnswers, kSilent } state = State::kUnknown;
  Clock::time_point asked;     // last time, by any thread
  Clock::time_point answered;  // last time
  Clock::time_point back;      // when it last answered after a silence
  Clock::duration delay{0};    // running mean of the time that answers took
};

class Kdcs : public RefCounted {
 public:
  // The list of that site.
  static Ref<Kdcs> For(Site site);

  // Finds the addresses, unless they are known already. May wait for DNS.
  // Returns false if libkrb5 may reach a KDC of the realm that kpass cannot
  // reach. (It also does so for a mistake in krb5.conf. FindKdcMistake() finds
  // the mistake.)
  bool Resolve();

  // The ways, the best first: those that answer, those not tried yet, those
  // that are silent. `large`: the message is too big for UDP, so TCP is first.
  std::vector<Way> Ways(bool large);

  // A way that krb5.conf prefers to all ways that answer, and that has been
  // silent for long. It is worth a message in addition. Only one caller gets
  // it in each kRetryAfter.
  std::optional<Way> WorthRetrying(Clock::time_point now);

  // Record what one thread saw, for all threads.
  void MarkAsked(const Way& way, Clock::time_point now);
  void MarkAnswered(const Way& way, Clock::time_point asked,
                    Clock::time_point now);
  void MarkSilent(const Way& way);
  Health HealthOf(const Way& way);

  // Whether the list has this way; or its address, by UDP or TCP.
  bool Has(const Way& way);
  bool HasAddress(const Way& way);

 private:
  explicit Kdcs(Site site) : site_(std::move(site)) {}

  // A place: a KDC as krb5.conf or DNS names it, before its name is resolved.
  struct Place {
    std::string host;  // a name or an address
    uint16_t port = 0;
    bool udp = true, tcp = true;
  };
  struct Places {
    std::vector<Place> list;
    bool others = false;  // only libkrb5 can reach some of the KDCs
    Clock::time_point expire;
  };
  struct Entry {
    Way way;
    Health health;
  };

  static std::vector<Way> WaysTo(const std::vector<Place>& places);
  Places FindPlaces() const;
  void Store(Places places, const std::vector<Way>& ways);
  Entry* Find(const Way& way);

  const Site site_;
  std::mutex mutex_;
  Places places_;
  std::vector<Entry> entries_;           // in krb5.conf's order, UDP before TCP
  std::map<std::string, size_t> index_;  // by Way::Key()
  Clock::time_point expire_;             // of the addresses
};

}  // namespace kpass

#endif  // KPASS_KDCS_H_
