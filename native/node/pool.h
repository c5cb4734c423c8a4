// The threads that hold the conversations. Never libuv's: a silent KDC holds a
// libkrb5 call for many seconds, and four of those would stop every fs, dns and
// crypto call of the process.

#ifndef KPASS_POOL_H_
#define KPASS_POOL_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>

#include "base/ref.h"
#include "kerberos/verify.h"

namespace kpass {

// A verification on its way through a pool.
class Call : public RefCounted {
 public:
  // `timeout`: from now on, after which nobody waits for it any more.
  Call(Ref<Settings> settings, std::string user, Secret password,
       std::chrono::milliseconds timeout)
      : verification_(std::move(settings), std::move(user),
                      std::move(password)),
        deadline_(std::chrono::steady_clock::now() + timeout) {}

  // Once, on a thread of the pool, unless the call was abandoned before, or its
  // deadline passed in the queue. Null: memory ran out.
  virtual void Settle(std::unique_ptr<Outcome> outcome) noexcept = 0;

 private:
  friend class Pool;
  enum class State { kQueued, kActive, kStalled, kDone };

  Verification verification_;
  const std::chrono::steady_clock::time_point deadline_;
  // Guarded by the pool's mutex.
  State state_ = State::kQueued;
  std::list<Ref<Call>>::iterator place_;  // in the queue, while queued
};

// Threads are started on demand and end after some idle seconds. A thread whose
// call was abandoned cannot be stopped: it is *stalled* until libkrb5 returns.
// Stalled threads give up their place to others, as long as there are no more
// of them than places: a pool has at most twice its number of threads.
class Pool : public RefCounted {
 public:
  enum class Admission { kAccepted, kFull, kNoThread };
  struct Stats {
    size_t threads, active, stalled, queued;
  };

  // At most `threads` calls in progress, and `queue` more waiting for a thread.
  Pool(size_t threads, size_t queue) : limit_(threads), queue_limit_(queue) {}

  Admission Submit(Ref<Call> call);

  // The call will not settle, if it has not yet; its password is wiped. Gives
  // back whom it was waiting for.
  Asked Abandon(Call& call);

  // Nothing more will be submitted: threads end when the queue is empty.
  void Close();

  Stats GetStats();

 private:
  size_t Places() const;
  bool StartThreadIfUseful();
  void Work();
  void DropExpired();
  Ref<Call> Next(std::unique_lock<std::mutex>& lock);
  void RunCall(Call& call, KeptContext& kept,
               std::unique_lock<std::mutex>& lock);

  const size_t limit_;
  const size_t queue_limit_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::list<Ref<Call>> queue_;  // any call may leave it, at once
  size_t idle_ = 0;             // started, and without a call
  size_t active_ = 0;
  size_t stalled_ = 0;
  bool closed_ = false;
};

}  // namespace kpass

#endif  // KPASS_POOL_H_
