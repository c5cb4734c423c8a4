// The threads that run jobs, such as verifications. They are never libuv's: a
// silent KDC holds a thread for many seconds, and four such threads would stop
// every fs, dns and crypto call of the process.

#ifndef KPASS_POOL_H_
#define KPASS_POOL_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>

#include "base/context.h"
#include "base/ref.h"

namespace kpass {

// Work for a thread of a pool. The pool calls Run() and then Settle(), once
// each, or Abandon() at any time before Settle().
class Job : public RefCounted {
 public:
  // `timeout` starts now. After it, nobody waits for the job any more.
  explicit Job(std::chrono::milliseconds timeout)
      : deadline_(std::chrono::steady_clock::now() + timeout) {}

  // On a thread of the pool, inside libkrb5 (exit_gate.h). `kept` is the
  // thread's own. May throw std::bad_alloc.
  virtual void Run(KeptContext& kept) = 0;

  // On any thread, before, during or after Run(): makes Run() end soon.
  virtual void Abandon() = 0;

  // On a thread of the pool, after Run(), unless the job was abandoned.
  virtual void Settle() noexcept = 0;

 private:
  friend class Pool;
  enum class State { kQueued, kActive, kStalled, kDone };

  const std::chrono::steady_clock::time_point deadline_;
  // Guarded by the pool's mutex.
  State state_ = State::kQueued;
  std::list<Ref<Job>>::iterator place_;  // in the queue, while queued
};

// Threads are started on demand, and end after some idle seconds. A thread is
// *stalled* from the time its job is abandoned until Run() returns. That is
// soon, unless libkrb5 itself waits for the network. A stalled thread gives up
// its place to another thread, while there are no more stalled threads than
// places: a pool has at most twice its number of threads.
class Pool : public RefCounted {
 public:
  enum class Admission { kAccepted, kFull, kNoThread };
  struct Stats {
    size_t threads, active, stalled, queued;
  };

  // At most `threads` jobs in progress, and `queue` more that wait for a
  // thread.
  Pool(size_t threads, size_t queue) : limit_(threads), queue_limit_(queue) {}

  Admission Submit(Ref<Job> job);

  // Abandons the job, unless its Run() has ended. It will not settle.
  void Abandon(Job& job);

  // Nothing more will be submitted: threads end when the queue is empty.
  void Close();

  Stats GetStats();

 private:
  size_t Places() const;
  bool StartThreadIfUseful();
  void Work();
  void DropExpired();
  Ref<Job> Next(std::unique_lock<std::mutex>& lock);
  void RunJob(Job& job, KeptContext& kept, std::unique_lock<std::mutex>& lock);

  const size_t limit_;
  const size_t queue_limit_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::list<Ref<Job>> queue_;  // any job may leave it at once
  size_t idle_ = 0;            // threads started, without a job
  size_t active_ = 0;
  size_t stalled_ = 0;
  bool closed_ = false;
};

}  // namespace kpass

#endif  // KPASS_POOL_H_
