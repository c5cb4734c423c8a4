// Work with passwords on one thread, which any other thread can end.

#ifndef KPASS_ABANDONABLE_H_
#define KPASS_ABANDONABLE_H_

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kerberos/kdc_hooks.h"
#include "kerberos/outcome.h"
#include "kerberos/trace.h"
#include "net/interrupt.h"

namespace kpass {

class Abandonable : public Sender {
 public:
  Abandonable() = default;
  Abandonable(const Abandonable&) = delete;
  Abandonable& operator=(const Abandonable&) = delete;

  // Ends the wait for the network, lets no further message leave, and wipes the
  // passwords. If libkrb5 is computing with them, End() wipes them later. May
  // be called from any thread, at any time. Returns the KDCs that were asked.
  Asked Abandon();

 protected:
  virtual ~Abandonable() = default;

  // Called under the mutex, when libkrb5 does not read the passwords.
  virtual void WipeSecrets() noexcept = 0;

  // The work lasts from Begin() to End(). Begin() returns false if the work was
  // abandoned before. End() wipes the passwords.
  bool Begin();
  void End();

  void SetService(std::string service);
  void AddAsked(std::string realm, std::vector<std::string> kdcs);
  Asked TakeAsked();

  // A new password goes to this server. MaySend() is called right before its
  // first byte leaves; once the work is abandoned, it returns false.
  void AddPasswordServer(std::string server);
  bool MaySend();

  // Once the work is abandoned, these return false.
  bool LeaveForNetwork(bool proof) override;
  bool ReturnFromNetwork() override;
  const Interrupt& interrupt() const override { return *interrupt_; }

  TraceLog trace_;
  std::mutex mutex_;
  bool abandoned_ = false;  // guarded by mutex_

 private:
  Asked TakeAskedLocked();

  // Exists only from Begin() to End(): there can be too many queued calls for
  // one descriptor each.
  std::optional<Interrupt> interrupt_;
  // Guarded by mutex_.
  Asked asked_;
  bool computing_ = false;  // libkrb5 may read the passwords
};

}  // namespace kpass

#endif  // KPASS_ABANDONABLE_H_
