// One verification of one user's password against Kerberos. Knows no
// JavaScript: the addon uses it, and so do the programs that test the core
// alone.

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
  // `user`: 'alice', 'alice/admin' or 'alice@REALM', in UTF-8.
  Verification(Ref<Settings> settings, std::string user, Secret password)
      : settings_(std::move(settings)),
        user_(std::move(user)),
        password_(std::move(password)) {}

  // Talks to the KDCs, once, on the calling thread, which is inside libkrb5
  // (exit_gate.h). Holds the thread until there is an outcome; Abandon() ends a
  // wait for a KDC at once. The password is wiped when it returns.
  Outcome Run(KeptContext& kept);

  // From any thread, at any time: ends the wait for a KDC, lets no further
  // message leave, and wipes the password, at once unless libkrb5 is computing
  // with it. Returns which KDCs were asked.
  Asked Abandon();

 private:
  friend class Conversation;

  bool PasswordWellFormed() const;
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
  Secret password_;  // changed only under mutex_
  // Only while it runs: queued calls are too many for a descriptor each.
  std::optional<Interrupt> interrupt_;
  // The rest is guarded by mutex_.
  Asked asked_;
  bool computing_ = false;  // libkrb5 may be reading the password
  bool abandoned_ = false;
};

}  // namespace kpass

#endif  // KPASS_VERIFICATION_H_
