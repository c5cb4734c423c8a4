// What lets the process exit with verifications in flight.
//
// exit() runs libkrb5's destructors, which destroy its locks; a thread that is
// then still at work in the library aborts the process. So every thread passes
// this gate on its way into libkrb5 and out of it, the wait for the network
// counting as outside. At exit the gate closes: who is outside stays there for
// good, and exit waits, shortly, for those inside.

#ifndef KPASS_EXIT_GATE_H_
#define KPASS_EXIT_GATE_H_

namespace kpass {

class ExitGate {
 public:
  // Registers the exit handler, once for the process; call it at load.
  static void Install();

  // Never returns once the process is exiting.
  static void Enter();
  static void Leave();
};

// A stretch of work inside libkrb5.
class InsideLibkrb5 {
 public:
  InsideLibkrb5() { ExitGate::Enter(); }
  InsideLibkrb5(const InsideLibkrb5&) = delete;
  InsideLibkrb5& operator=(const InsideLibkrb5&) = delete;
  ~InsideLibkrb5() { ExitGate::Leave(); }
};

}  // namespace kpass

#endif  // KPASS_EXIT_GATE_H_
