// Accepts a user's ticket, which a client sends in a token of Negotiate
// (RFC 4559). Sees no password, and asks no KDC. It uses libkrb5 and not
// GSSAPI, which reads no krb5.conf but the system's, and renumbers libkrb5's
// errors.

#ifndef KPASS_ACCEPTOR_H_
#define KPASS_ACCEPTOR_H_

#include <krb5/krb5.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/ref.h"
#include "base/report.h"
#include "kerberos/channel_bindings.h"
#include "kerberos/settings.h"
#include "kerberos/trace.h"

namespace kpass {

// The service's principal, for a service on this machine. Finding this
// machine's name may take DNS, and an accept must not wait for DNS each time.
class RememberedName {
 public:
  std::optional<std::string> Get() const;
  void Put(std::string name);

 private:
  mutable std::mutex mutex_;
  std::string name_;
  std::chrono::steady_clock::time_point end_;
};

// A thing that need not be done at each accept, but once in kPeriod.
class Seldom {
 public:
  static constexpr std::chrono::seconds kPeriod{1};

  // Whether it is to be done now.
  bool IsDue();

 private:
  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_;
};

// The settings of many accepts. Several threads read them.
struct AcceptorSettings final : public RefCounted {
  // One, or one for each host. They differ in the host alone.
  std::vector<Ref<Settings>> services;
  bool any_host = false;  // any host with a key in the keytab will do
  BindingsRule bindings = BindingsRule::kAllow;
  bool once = true;  // a token is accepted once
  mutable RememberedName own_name;
  mutable Seldom look_at_keytab;  // see Service::keytab_exposed()

  const Settings& common() const { return *services.front(); }
};

// What became of a token. The report says why it was not accepted.
struct Acceptance : NativeReport {
  bool accepted = false;
  std::string principal;  // accepted: the client, as the ticket names it
  std::string realm;      // accepted: the client's realm
  std::string reply;      // accepted: goes back to the client; empty: nothing
  bool bound = false;     // accepted: the client is bound to the channel
  std::string service;    // the service's principal, once known
  std::string keytab;     // the keytab's whole name, once known
  bool keytab_exposed = false;  // as far as it was looked at
  Trace trace;                  // empty unless asked for
};

// Accepts the token or says why not, on the calling thread. `bindings`: the
// channel's application data, such as 'tls-server-end-point:' and a hash; none
// if it is unknown.
Acceptance Accept(const AcceptorSettings& settings, std::string_view token,
                  const std::optional<std::string>& bindings,
                  KeptContext& kept);

}  // namespace kpass

#endif  // KPASS_ACCEPTOR_H_
