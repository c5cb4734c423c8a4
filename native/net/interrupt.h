// Ends a wait for the network, from any thread.

#ifndef KPASS_INTERRUPT_H_
#define KPASS_INTERRUPT_H_

#include "base/platform.h"

namespace kpass {

class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  // After this call, fd() stays readable. May be called more than once.
  void Raise() const;
  int fd() const { return wakeup_.wait; }  // -1: the system gave none

 private:
  const Wakeup wakeup_;
};

}  // namespace kpass

#endif  // KPASS_INTERRUPT_H_
