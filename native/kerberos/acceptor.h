// Accepts a user's ticket, which the client sends in a token of Negotiate
// (RFC 4559): no password, and no KDC is asked. By libkrb5 itself, without
// GSSAPI: so it obeys this library's krb5.conf, and its errors are libkrb5's.

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
#include "kerberos/settings.h"
#include "kerberos/trace.h"

namespace kpass {

// Whether a client must be bound to the channel that its token came through
// (RFC 5929). kAllow: only a client that is bound to another one is refused.
enum class BindingsRule { kOff, kAllow, kRequire };

// The service's principal where its host is this machine: that may take DNS,
// for which not each accept is to wait.
class RememberedName {
 public:
  std::optional<std::string> Get() const;
  void Put(std::string name);

 private:
  mutable std::mutex mutex_;
  std::string name_;
  std::chrono::steady_clock::time_point end_;
};

// What many accepts share: several threads read it.
struct AcceptorSettings final : public RefCounted {
  // One, or one for each host. The first one's realms, keytab and krb5.conf are
  // those of all.
  std::vector<Ref<Settings>> services;
  bool any_host = false;  // that the keytab has a key of, whatever services say
  BindingsRule bindings = BindingsRule::kAllow;
  bool once = true;  // a token is accepted once
  mutable RememberedName own_name;

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
  bool keytab_exposed = false;  // see Service::keytab_exposed()
  Trace trace;                  // empty unless asked for
};

// Accepts the token or says why not, on the calling thread. `bindings`: the
// channel's application data, such as 'tls-server-end-point:' and a hash, where
// it is known.
Acceptance Accept(const AcceptorSettings& settings, std::string_view token,
                  const std::optional<std::string>& bindings,
                  KeptContext& kept);

}  // namespace kpass

#endif  // KPASS_ACCEPTOR_H_
