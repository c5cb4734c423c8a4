// One verification of one user's password against Kerberos. It does not depend
// on JavaScript: programs that test only the core use it as well as the addon.

#ifndef KPASS_VERIFICATION_H_
#define KPASS_VERIFICATION_H_

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/ref.h"
#include "base/secret.h"
#include "kerberos/kdc_hooks.h"
#include "kerberos/outcome.h"
#include "kerberos/settings.h"
#include "net/interrupt.h"

namespace kpass {

class Verification final : private Sender {
 public:
  // `user`: 'alice', 'alice/admin' or 'alice@REALM', in UTF-8. `token`: the
  // value of the user's token, or empty.
  Verification(Ref<Settings> settings, std::string user, Secret password,
               Secret token = Secret())
      : settings_(std::move(settings)),
        user_(std::move(user)),
        password_(std::move(password)),
        token_(std::move(token)) {}

  // Talks to the KDCs, on the calling thread. May be called only once. The
  // thread must be inside libkrb5 (exit_gate.h). Run() holds the thread until
  // there is an outcome; Abandon() ends a wait for a KDC at once. The password
  // is wiped when Run() returns.
  Outcome Run(KeptContext& kept);

  // Ends the wait for a KDC, lets no further message leave, and wipes the
  // password. If libkrb5 is computing with the password, it is wiped later, by
  // Run(). May be called from any thread, at any time. Returns the KDCs that
  // were asked.
  Asked Abandon();

 private:
  friend class Conversation;

  bool PasswordWellFormed() const;
  void WipeSecrets();
  bool Begin();
  void End();
  void SetService(std::string service);
  void AddAsked(std::string realm, std::vector<std::string> kdcs);
  Asked TakeAsked();

  bool LeaveForNetwork() override;
  bool ReturnFromNetwork() override;
  const Interrupt& interrupt() const override { return *interrupt_; }

  const Ref<Settings> settings_;
  const std::string user_;
  TraceLog trace_;
  std::mutex mutex_;
  // Both change only under mutex_.
  Secret password_;
  Secret token_;
  // Exists only during Run(): there can be too many queued calls for one
  // descriptor each.
  std::optional<Interrupt> interrupt_;
  // The rest is guarded by mutex_.
  Asked asked_;
  bool computing_ = false;  // libkrb5 may be reading the password
  bool abandoned_ = false;
};

}  // namespace kpass

#endif  // KPASS_VERIFICATION_H_
