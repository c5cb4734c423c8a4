// One verification of one user's password against Kerberos. It does not depend
// on JavaScript: programs that test only the core use it as well as the addon.

#ifndef KPASS_VERIFICATION_H_
#define KPASS_VERIFICATION_H_

#include <string>
#include <utility>

#include "base/context.h"
#include "base/ref.h"
#include "base/secret.h"
#include "kerberos/abandonable.h"
#include "kerberos/outcome.h"
#include "kerberos/settings.h"

namespace kpass {

class Verification final : public Abandonable {
 public:
  // The KDCs to ask. kPrimary: only primary ones, if any are known.
  enum class Ask { kAny, kPrimary };

  // `user`: 'alice', 'alice/admin' or 'alice@REALM', in UTF-8. `token`: the
  // value of the user's token, or empty.
  Verification(Ref<Settings> settings, std::string user, Secret password,
               Secret token = Secret(), Ask ask = Ask::kAny)
      : settings_(std::move(settings)),
        user_(std::move(user)),
        password_(std::move(password)),
        token_(std::move(token)),
        ask_(ask) {}

  // Talks to the KDCs, on the calling thread. May be called only once. The
  // thread must be inside libkrb5 (exit_gate.h). Run() holds the thread until
  // there is an outcome; Abandon() ends a wait for a KDC at once. The password
  // is wiped when Run() returns.
  Outcome Run(KeptContext& kept);

 private:
  friend class Conversation;

  void WipeSecrets() noexcept override {
    password_.Wipe();
    token_.Wipe();
  }

  const Ref<Settings> settings_;
  const std::string user_;
  // Both are changed only under Abandonable's mutex.
  Secret password_;
  Secret token_;
  const Ask ask_;
};

}  // namespace kpass

#endif  // KPASS_VERIFICATION_H_
