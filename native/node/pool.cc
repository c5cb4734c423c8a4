#include "node/pool.h"

#include <algorithm>
#include <chrono>
#include <new>

#include "base/exit_gate.h"
#include "base/thread.h"

namespace kpass {
namespace {

constexpr std::chrono::seconds kIdle{5};

}  // namespace

size_t Pool::Places() const { return std::min(limit_, 2 * limit_ - stalled_); }

Pool::Admission Pool::Submit(Ref<Job> job) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (active_ + queue_.size() >= Places() + queue_limit_) {
    return Admission::kFull;
  }
  Job& queued = *job;
  queue_.push_back(std::move(job));
  queued.place_ = std::prev(queue_.end());
  if (!StartThreadIfUseful() && active_ + idle_ == 0) {
    queue_.pop_back();
    return Admission::kNoThread;
  }
  lock.unlock();  // or the thread would wake up, only to wait for the lock
  work_.notify_one();
  return Admission::kAccepted;
}

// Returns false if the system refuses to start a thread.
bool Pool::StartThreadIfUseful() {
  if (idle_ >= queue_.size() || active_ + idle_ >= Places()) return true;
  try {
    if (!StartThread([pool = Ref<Pool>(this)] { pool->Work(); })) return false;
  } catch (const std::bad_alloc&) {
    return false;
  }
  ++idle_;
  return true;
}

void Pool::Abandon(Job& job) {
  // A queued job gives its place in the queue to the next.
  Ref<Job> dropped;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    switch (job.state_) {
      case Job::State::kQueued:
        dropped = std::move(*job.place_);
        queue_.erase(job.place_);
        job.state_ = Job::State::kDone;
        break;
      case Job::State::kActive:
        job.state_ = Job::State::kStalled;
        --active_;
        ++stalled_;
        DropExpired();
        StartThreadIfUseful();
        work_.notify_one();
        break;
      case Job::State::kStalled:
      case Job::State::kDone:
        return;
    }
  }
  job.Abandon();
}

void Pool::Close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  work_.notify_all();
}

Pool::Stats Pool::GetStats() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return {idle_ + active_ + stalled_, active_, stalled_, queue_.size()};
}

// The whole life of one thread. It holds a reference to the pool.
void Pool::Work() {
  KeptContext kept;
  std::unique_lock<std::mutex> lock(mutex_);
  while (const Ref<Job> job = Next(lock)) RunJob(*job, kept, lock);
  --idle_;
  lock.unlock();
  const InsideLibkrb5 inside;
  kept.Drop();
}

// Drops every expired job here. Otherwise, when many expire at once, a freed
// thread would start one after another only to abandon it.
void Pool::DropExpired() {
  const auto now = std::chrono::steady_clock::now();
  while (!queue_.empty() && queue_.front()->deadline_ <= now) {
    Job& job = *queue_.front();
    job.state_ = Job::State::kDone;
    job.Abandon();
    queue_.pop_front();
  }
}

// The next job in the queue, or nothing: this thread is not needed any more.
Ref<Job> Pool::Next(std::unique_lock<std::mutex>& lock) {
  const auto ready = [this] {
    DropExpired();
    return !queue_.empty() && active_ < Places();
  };
  while (!ready()) {
    if (closed_ && queue_.empty()) return {};
    // Waits by the system's clock, because the steady clock needs glibc 2.30.
    const auto until = std::chrono::system_clock::now() + kIdle;
    if (work_.wait_until(lock, until) == std::cv_status::timeout && !ready()) {
      return {};
    }
  }
  Ref<Job> job = std::move(queue_.front());
  queue_.pop_front();
  --idle_;
  ++active_;
  job->state_ = Job::State::kActive;
  return job;
}

void Pool::RunJob(Job& job, KeptContext& kept,
                  std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  try {
    const InsideLibkrb5 inside;
    job.Run(kept);
  } catch (const std::bad_alloc&) {
    // The job has no result.
  }
  lock.lock();
  const bool abandoned = job.state_ == Job::State::kStalled;
  --(abandoned ? stalled_ : active_);
  ++idle_;
  job.state_ = Job::State::kDone;
  if (abandoned) return;
  lock.unlock();
  job.Settle();
  lock.lock();
}

}  // namespace kpass
