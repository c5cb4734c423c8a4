// The harness's options, and one run of what they ask for.

#ifndef KPASS_TEST_TASK_H_
#define KPASS_TEST_TASK_H_

#include <optional>
#include <string>

#include "kerberos/acceptor.h"
#include "kerberos/password_change.h"
#include "kerberos/verification.h"

namespace kpass {

struct Task {
  Ref<Settings> settings{new Settings};
  bool token = false;   // accept one, in place of verifying a password
  bool change = false;  // change the password to itself
  std::string user;
  std::string input;  // the password, or the token
  long repeat = 1;
  size_t threads = 0;
  long abandon_ms = -1;
  bool fail_allocations = false;
  bool skim = false;
  bool lasting = false;
  bool genuine = false;
};

inline Secret SecretFrom(const std::string& text) {
  Secret secret(text.size());
  text.copy(secret.data(), text.size());
  return secret;
}

// A verification, a change or an accept.
class Trial {
 public:
  explicit Trial(const Task& task) : task_(task) {
    if (task.token) {
      acceptor_ = Ref<AcceptorSettings>(new AcceptorSettings);
      acceptor_->services = {task.settings};
      acceptor_->once = false;
    } else if (task.change) {
      change_.emplace(task.settings, task.user, SecretFrom(task.input),
                      SecretFrom(task.input));
    } else {
      verification_.emplace(task.settings, task.user, SecretFrom(task.input));
    }
    outcome_.step = "malloc";  // until Run() returns
  }

  void Run(KeptContext& kept) {
    if (verification_ || change_) {
      outcome_ = change_ ? change_->Run(kept) : verification_->Run(kept);
      proved_ = outcome_.verified;
      return;
    }
    Acceptance acceptance = Accept(*acceptor_, task_.input, std::nullopt, kept);
    proved_ = acceptance.accepted;
    outcome_.principal = std::move(acceptance.principal);
    outcome_.step = acceptance.step;
    outcome_.code = acceptance.code;
    outcome_.message = std::move(acceptance.message);
  }

  // From any thread, at any time.
  void Abandon() {
    if (verification_) (void)verification_->Abandon();
    if (change_) (void)change_->Abandon();
  }

  // Verified or accepted.
  bool proved() const { return proved_; }

  std::string Describe() const {
    const std::string verb = task_.token    ? "accepted"
                             : task_.change ? "changed"
                                            : "verified";
    if (proved_) return verb + " " + outcome_.principal;
    return "not " + verb + ": " + outcome_.step + " " +
           std::to_string(outcome_.code) + " " + outcome_.message;
  }

 private:
  const Task& task_;
  Ref<AcceptorSettings> acceptor_;
  std::optional<Verification> verification_;
  std::optional<PasswordChange> change_;
  Outcome outcome_;
  bool proved_ = false;
};

}  // namespace kpass

#endif  // KPASS_TEST_TASK_H_
