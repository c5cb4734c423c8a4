#include "net/interrupt.h"

#include <stdint.h>
#include <unistd.h>

namespace kpass {

Interrupt::Interrupt() : wakeup_(OpenWakeup()) {}

Interrupt::~Interrupt() { CloseWakeup(wakeup_); }

void Interrupt::Raise() const {
  const uint64_t once = 1;
  if (write(wakeup_.raise, &once, sizeof once) < 0) return;  // raised already
}

}  // namespace kpass
