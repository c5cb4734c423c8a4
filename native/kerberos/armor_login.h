// The service's own login, with its keytab, for the ticket that armors users'
// logins.

#ifndef KPASS_ARMOR_LOGIN_H_
#define KPASS_ARMOR_LOGIN_H_

#include <string>

#include "base/context.h"
#include "base/ref.h"
#include "base/report.h"
#include "kerberos/armor_ticket.h"
#include "kerberos/kdc_hooks.h"
#include "kerberos/settings.h"

namespace kpass {

struct ArmorLogin : NativeReport {
  // Null: the report says why.
  Ref<ArmorTicket> ticket;
  // The principal that logged in, or tried to last.
  std::string principal;
  // The KDC refused the keytab's key. It may count that toward a lockout.
  bool refused = false;
  // The realm does not support FAST. There may be a ticket nevertheless.
  bool without_fast = false;
};

// Logs in, on the calling thread, which must be inside libkrb5 (exit_gate.h).
//
// The principal is the settings' fast_principal. Without one, it is the
// service. If the KDC does not know the service as a client (Active Directory),
// it is the only principal in the keytab that is called NAME$@REALM.
//
// `prove`: logs in a second time, under the new armor. Only that shows whether
// the realm's KDC supports FAST: an announcement may be false (Samba with
// `kdc enable fast = no`), and anybody can strip one.
ArmorLogin LogInForArmor(const Settings& settings, KeptContext& kept,
                         Sender& sender, Clock::time_point deadline,
                         bool prove);

}  // namespace kpass

#endif  // KPASS_ARMOR_LOGIN_H_
