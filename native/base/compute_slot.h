// Limits how many threads derive keys from passwords at once. That is 95 % of a
// verification's work.
//
// A verification computes for milliseconds, and waits for a KDC the rest of the
// time. Without a limit, all threads with an answer compute at once, and each
// is slowed down by the others. They finish together and wait together. So the
// processors are idle half of the time. The other half, JavaScript's thread
// competes with all of them. With one slot for each processor, the threads that
// come first finish first, and wait for KDCs while others compute.

#ifndef KPASS_COMPUTE_SLOT_H_
#define KPASS_COMPUTE_SLOT_H_

namespace kpass {

class ComputeSlot {
 public:
  // Waits for a free slot, but not for long: a KDC that asks for millions of
  // iterations can make a thread hold its slot.
  ComputeSlot();
  ComputeSlot(const ComputeSlot&) = delete;
  ComputeSlot& operator=(const ComputeSlot&) = delete;
  ~ComputeSlot();
};

}  // namespace kpass

#endif  // KPASS_COMPUTE_SLOT_H_
