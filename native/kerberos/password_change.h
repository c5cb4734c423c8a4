// One change of one user's password: a ticket for the password service by the
// old password, the change (kpasswd.h), and a verification of the new password.

#ifndef KPASS_PASSWORD_CHANGE_H_
#define KPASS_PASSWORD_CHANGE_H_

#include <optional>
#include <string>
#include <utility>

#include "base/context.h"
#include "base/ref.h"
#include "base/secret.h"
#include "kerberos/abandonable.h"
#include "kerberos/outcome.h"
#include "kerberos/settings.h"
#include "kerberos/verification.h"

namespace kpass {

class PasswordChange final : public Abandonable {
 public:
  // `user`: as of a Verification.
  PasswordChange(Ref<Settings> settings, std::string user, Secret old_password,
                 Secret new_password)
      : settings_(std::move(settings)),
        user_(std::move(user)),
        old_password_(std::move(old_password)),
        new_password_(std::move(new_password)) {}

  // Does the same as Verification::Run(), and changes the password before. The
  // outcome is `verified` if a password server says that the password has
  // changed, and the new password was verified after that. Both passwords are
  // wiped when Run() returns.
  //
  // The steps of the report that concern the change:
  // - 'kpasswd_server': no password server is known, or none answers
  // - 'kpasswd': the server's answer is lost, or it is not authentic
  // - 'rejected', 'denied': the server's authentic refusal, with its words: the
  //   new password is not good enough; the user may not change it
  // - 'kpasswd_result': another authentic refusal. The code is RFC 3244's
  Outcome Run(KeptContext& kept);

  // Does the same as Abandonable::Abandon().
  Asked Abandon();

 private:
  friend class ChangeConversation;

  bool Change(KeptContext& kept, Outcome* outcome);
  bool BeginVerification();
  void WipeSecrets() noexcept override {
    old_password_.Wipe();
    new_password_.Wipe();
  }

  const Ref<Settings> settings_;
  const std::string user_;
  // Changed only under Abandonable's mutex.
  Secret old_password_, new_password_;
  std::optional<Verification> verification_;  // of the new password
};

}  // namespace kpass

#endif  // KPASS_PASSWORD_CHANGE_H_
