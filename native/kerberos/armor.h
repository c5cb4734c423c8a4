// Armor (FAST, RFC 6113): users' logins under a ticket of the service.
//
// Under armor a listener sees nothing to guess passwords with, an impostor of
// the KDC neither, and a forged error is no verdict. The process has one Armor
// for each krb5.conf, keytab and principal. An Armor gets its ticket on a
// thread of its own, outside of any pool: a silent KDC takes no thread from
// logins.
//
// With FastRule::kTry, a realm that has never answered under armor gets logins
// without it. Once it has, armor is required for as long as the process lives.

#ifndef KPASS_ARMOR_H_
#define KPASS_ARMOR_H_

#include <chrono>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>

#include "base/ref.h"
#include "base/report.h"
#include "kerberos/armor_login.h"
#include "kerberos/armor_ticket.h"
#include "kerberos/kdc_hooks.h"
#include "kerberos/settings.h"
#include "net/interrupt.h"

namespace kpass {

// The armor for one login.
struct ArmorGrant {
  Ref<ArmorTicket> ticket;  // null: the login goes without armor, or fails
  // Why there is no ticket. With a step, the login must fail.
  NativeReport report;
};

class Armor : public RefCounted {
 public:
  // The process's one for these settings. `keytab`: its whole name; `service`:
  // the service's principal.
  static Ref<Armor> For(const Ref<Settings>& settings,
                        const std::string& keytab, const std::string& service);

  // The armor for a login. Starts to get one if that is due. Waits for it if
  // armor is required, or if `wait`. With kTry, a login waits also if one
  // before it began to get the armor, but not for long. The calling thread is
  // inside libkrb5, and outside while it waits.
  ArmorGrant ForLogin(bool wait, Sender& sender);

  // The same for a login whose armor the KDC did not take.
  ArmorGrant InPlaceOf(const Ref<ArmorTicket>& refused, Sender& sender);

 private:
  // One attempt to get a ticket. Ends by itself.
  class Fetch;
  using Now = std::chrono::steady_clock::time_point;

  Armor(Ref<Settings> settings, std::string keytab);
  ~Armor() override;

  bool Required() const;
  bool IsDue(Now now) const;
  void StartFetch();
  void Finish(ArmorLogin login);
  ArmorGrant Take();
  std::string KeytabState() const;
  static bool WaitFor(const Ref<Fetch>& fetch, Sender& sender,
                      std::chrono::milliseconds patience);

  const Ref<Settings> settings_;
  const std::string keytab_;

  std::mutex mutex_;
  // All of this is guarded by mutex_.
  Ref<ArmorTicket> ticket_;
  Ref<Fetch> fetch_;         // in progress
  bool proven_ = false;      // a KDC has answered under armor
  NativeReport failure_;     // of the last fetch; no step: it succeeded
  bool refused_ = false;     // the KDC refused the key in the last fetch
  std::string keytab_then_;  // KeytabState() at the last refusal
  Now next_{};               // no fetch begins before
  std::chrono::seconds pause_{0};
  std::optional<Now> replaced_;  // the last fetch in place of refused armor
};

}  // namespace kpass

#endif  // KPASS_ARMOR_H_
