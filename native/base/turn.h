// Takes turns at making keys of passwords, which is 95 % of the work.
//
// A verification computes for milliseconds, and waits for a KDC the rest of the
// time. Left to the system, all the threads that have an answer compute at
// once, each as slowly as they are many, and are done, and wait again, all
// together: the processors are idle half of the time, and JavaScript's own
// thread is one of a crowd the other half. So no more compute at a time than
// there are processors; the first that come are done first, and wait while
// others compute.

#ifndef KPASS_TURN_H_
#define KPASS_TURN_H_

namespace kpass {

class Turn {
 public:
  // Waits for one, but not for long: whoever holds one may be held up by a KDC
  // that asks for millions of iterations.
  Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn();
};

}  // namespace kpass

#endif  // KPASS_TURN_H_
