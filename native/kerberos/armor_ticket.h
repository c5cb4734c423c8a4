// The ticket that armors users' logins: a TGT of the service, in a credential
// cache in memory that all threads of the process can open by its name.

#ifndef KPASS_ARMOR_TICKET_H_
#define KPASS_ARMOR_TICKET_H_

#include <krb5/krb5.h>

#include <ctime>
#include <string>

#include "base/ref.h"
#include "base/report.h"

namespace kpass {

// All of it, the end included, happens on threads inside libkrb5 (exit_gate.h).
// Each ticket has a cache of its own: libkrb5 before 1.19 empties a cache
// before it fills it again, and another thread would find no ticket.
class ArmorTicket : public RefCounted {
 public:
  // An empty cache. Null if there is none; `report` then says why.
  static Ref<ArmorTicket> Make(NativeReport* report);

  // Destroys the cache.
  ~ArmorTicket() override;

  // 'MEMORY:…'
  const std::string& cache_name() const { return name_; }
  krb5_ccache cache() const { return cache_; }

  // Whether the cache says that the realm's KDC supports FAST. Only a KDC with
  // the service's key can say so (RFC 6806, 11).
  bool AnnouncesFast(krb5_const_principal tgs) const;

  // The ticket is in the cache, and ends at this time of the system's clock.
  void SetEnd(time_t end);
  time_t end() const { return end_; }
  bool IsUsable(time_t now) const { return now < usable_until_; }
  // Half of its life is over.
  bool IsToRenew(time_t now) const { return now >= renew_at_; }

 private:
  explicit ArmorTicket(krb5_context context) : context_(context) {}

  // Of the ticket's own: no conversation's context lives as long.
  const krb5_context context_;
  krb5_ccache cache_ = nullptr;
  std::string name_;
  time_t end_ = 0;
  time_t usable_until_ = 0;
  time_t renew_at_ = 0;
};

}  // namespace kpass

#endif  // KPASS_ARMOR_TICKET_H_
