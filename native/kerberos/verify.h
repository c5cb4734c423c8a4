// One verification of one user's password against Kerberos. Knows no
// JavaScript; used by the addon, and by the programs that test the core alone.

#ifndef KPASS_VERIFY_H_
#define KPASS_VERIFY_H_

#include <krb5/krb5.h>

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/ref.h"
#include "base/secret.h"
#include "net/transport.h"

namespace kpass {

// For which service, and how, users are verified. Not changed once it is
// shared.
struct Settings : public RefCounted {
  std::string service;                // 'HTTP'
  std::optional<std::string> host;    // as written; none: this machine's name
  std::optional<std::string> keytab;  // none: libkrb5's default keytab
  std::vector<std::string> realms;    // none: the service's own realm
  bool canonicalize = false;          // let the KDC say the account's own name
  bool trace = false;                 // keep what libkrb5 says of each step
  bool libkrb5_transport = false;     // libkrb5 carries the messages itself
  Config config;
};

// What libkrb5 said it was doing: lines that begin with process and time.
using Trace = std::vector<std::string>;

// What a verification came to. `verified` false is all that a fresh one says.
struct Outcome {
  bool verified = false;
  const char* step = "";     // the libkrb5 call or stage that had the last word
  krb5_error_code code = 0;  // its code; 0 where the refusal is kpass's own
  std::string message;       // libkrb5's words for it; may hold a KDC's bytes
  std::string principal;     // verified: the client, as the ticket names it
  std::string realm;         // verified: its realm; otherwise the realm asked
  std::string service;       // the service's principal, once known
  std::string keytab;        // the keytab's name, once known
  std::string kdcs;  // the realm's KDCs in krb5.conf, when none answered
  bool keytab_exposed = false;  // group or others can read the keytab's file
  Trace trace;                  // empty unless asked for
};

// Whom a verification has asked, and for what; empty before it did.
struct Asked {
  std::string service;  // the service's principal
  std::string realm;    // the realm whose KDC was asked
  std::string kdcs;     // its KDCs in krb5.conf; empty: DNS is to tell
  Trace trace;          // so far
};

class Verification {
 public:
  // `user`: 'alice', 'alice/admin' or 'alice@REALM', in UTF-8.
  Verification(Ref<Settings> settings, std::string user, Secret password)
      : settings_(std::move(settings)),
        user_(std::move(user)),
        password_(std::move(password)) {}

  // Holds the whole conversation, on the calling thread, once. It can last as
  // long as libkrb5 waits for a KDC. The password is wiped when it returns.
  Outcome Run(KeptContext& kept);

  // From any thread, at any time: ends the wait for a KDC, lets no further
  // message leave, and wipes the password, at once unless libkrb5 is just
  // computing with it. Gives back whom the answer was awaited from.
  Asked Abandon();

  const Settings& settings() const { return *settings_; }
  const std::string& user() const { return user_; }
  const char* password() const { return password_.c_str(); }
  bool PasswordWellFormed() const;

 private:
  friend class Conversation;

  bool Begin();
  void End();
  void Ask(std::string service, std::string realm, std::string kdcs);
  void Note(const char* line);
  Trace TakeTrace();
  bool LeaveForNetwork();
  bool ReturnFromNetwork();

  const Ref<Settings> settings_;
  const std::string user_;
  std::mutex mutex_;
  Secret password_;  // written only under mutex_
  // There while it runs: a descriptor is too much for each call that waits.
  std::optional<Interrupt> interrupt_;
  Asked asked_;             // under mutex_, as are these
  bool computing_ = false;  // libkrb5 may be reading the password
  bool abandoned_ = false;
};

}  // namespace kpass

#endif  // KPASS_VERIFY_H_
