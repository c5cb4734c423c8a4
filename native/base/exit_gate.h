// Lets the process exit while threads are in libkrb5.
//
// exit() runs libkrb5's destructors, which destroy its locks. A thread that
// then still works in the library aborts the process. So every thread passes
// this gate on its way into libkrb5 and out of it. The wait for the network
// counts as outside. At exit the gate closes: a thread outside stays there for
// good, and exit waits, for a short time, for the threads inside.

#ifndef KPASS_EXIT_GATE_H_
#define KPASS_EXIT_GATE_H_

namespace kpass {

class ExitGate {
 public:
  // Registers the exit handler, once for the process. Call it when the program
  // or the addon is loaded.
  static void Install();

  // Never returns once the process is exiting.
  static void Enter();
  static void Leave();
};

// The thread is inside libkrb5 while an InsideLibkrb5 lives.
class InsideLibkrb5 {
 public:
  InsideLibkrb5() { ExitGate::Enter(); }
  InsideLibkrb5(const InsideLibkrb5&) = delete;
  InsideLibkrb5& operator=(const InsideLibkrb5&) = delete;
  ~InsideLibkrb5() { ExitGate::Leave(); }
};

// The other way round: within an InsideLibkrb5, the thread is outside while an
// OutsideLibkrb5 lives.
class OutsideLibkrb5 {
 public:
  OutsideLibkrb5() { ExitGate::Leave(); }
  OutsideLibkrb5(const OutsideLibkrb5&) = delete;
  OutsideLibkrb5& operator=(const OutsideLibkrb5&) = delete;
  ~OutsideLibkrb5() { ExitGate::Enter(); }
};

}  // namespace kpass

#endif  // KPASS_EXIT_GATE_H_
