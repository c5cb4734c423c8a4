// The KDCs of a realm, as kpass's own transport knows them: by what ways they
// are reached, and which of those answered last time. libkrb5 has no such
// memory, and waits anew for a dead KDC in each exchange.
//
// One list for the whole process, for each realm and each krb5.conf's idea of
// it: what one verification found out spares the next one the wait.

#ifndef KPASS_KDCS_H_
#define KPASS_KDCS_H_

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/ref.h"

namespace kpass {

using Clock = std::chrono::steady_clock;

// What krb5.conf says of how a realm's KDCs are found.
struct Site {
  std::string realm;
  bool primary = false;            // its primary KDCs alone are meant
  std::vector<std::string> named;  // [realms] kdc; none: DNS is to tell
  bool dns = true;                 // DNS may tell
  bool uri = true;                 // by MIT's URI records too
  bool only_libkrb5 = false;       // there is what libkrb5 alone knows

  static Site Of(const KeptContext& kept, const std::string& realm,
                 bool primary);
};

// An address and a protocol.
struct Way {
  sockaddr_storage address = {};
  socklen_t length = 0;
  bool tcp = false;

  bool SameAddress(const Way& other) const;
  bool operator==(const Way& other) const {
    return tcp == other.tcp && SameAddress(other);
  }
  Way ByTcp() const;
  std::string Text() const;  // 'UDP 192.0.2.1:88'
};

// What is known of a way.
struct Health {
  enum class State { kUnknown, kAnswers, kSilent } state = State::kUnknown;
  Clock::time_point asked;     // last, by anybody
  Clock::time_point answered;  // last
  Clock::time_point back;      // when it answered after a silence
  Clock::duration delay{0};    // of its answers, of late
};

class Kdcs : public RefCounted {
 public:
  // The one list for that site.
  static Ref<Kdcs> For(Site site);

  // Finds the addresses, unless they are known still; that may wait for DNS.
  // False where some KDC is not to be reached by kpass, but by libkrb5.
  bool Resolve();

  // The ways, the best first: those that answer, those not tried yet, those
  // that were silent. `large`: for a message that UDP may not carry.
  std::vector<Way> Ways(bool large);

  // A way that krb5.conf prefers to all that answer now, and that was silent,
  // but long ago: worth a message beside. Each such way is given to one caller
  // in a while.
  std::optional<Way> WorthRetrying(Clock::time_point now);

  // What came of asking: any thread tells, all know.
  void Asked(const Way& way, Clock::time_point now);
  void Answered(const Way& way, Clock::time_point asked, Clock::time_point now);
  void Silent(const Way& way);
  Health HealthOf(const Way& way);

  // Whether it is one of these, by the same protocol; or by another one.
  bool Has(const Way& way);
  bool HasAddress(const Way& way);

 private:
  explicit Kdcs(Site site) : site_(std::move(site)) {}

  // Where a KDC is: a name, or an address in figures.
  struct Place {
    std::string host;
    uint16_t port = 0;
    bool udp = true, tcp = true;
  };
  struct Places {
    std::vector<Place> list;
    bool others = false;  // there are some that only libkrb5 can reach
    Clock::time_point expire;
  };
  struct Known {
    Way way;
    Health health;
  };

  static bool Parse(const std::string& value, Place* place);
  static std::vector<Way> WaysTo(const std::vector<Place>& places);
  Places FindPlaces() const;
  void Store(Places places, const std::vector<Way>& ways);
  Known* Find(const Way& way);

  const Site site_;
  std::mutex mutex_;
  Places places_;
  std::vector<Known> known_;  // in krb5.conf's order, UDP before TCP
  Clock::time_point expire_;  // of the addresses
};

}  // namespace kpass

#endif  // KPASS_KDCS_H_
