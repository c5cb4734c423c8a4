// The owner of an exchange that nobody abandons, such as a command's.

#ifndef KPASS_UNATTENDED_H_
#define KPASS_UNATTENDED_H_

#include "kerberos/kdc_hooks.h"
#include "net/interrupt.h"

namespace kpass {

class Unattended final : public Sender {
 public:
  bool LeaveForNetwork(bool) override { return true; }
  bool ReturnFromNetwork() override { return true; }
  const Interrupt& interrupt() const override { return interrupt_; }

 private:
  const Interrupt interrupt_;
};

}  // namespace kpass

#endif  // KPASS_UNATTENDED_H_
