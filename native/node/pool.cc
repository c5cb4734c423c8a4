#include "node/pool.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>
#include <thread>

#include "base/exit_gate.h"
#include "base/platform.h"

namespace kpass {
namespace {

constexpr std::chrono::seconds kIdle{5};

// A thread is started with every signal blocked: they are the program's.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    SetSignalMask(all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { SetSignalMask(before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

size_t Pool::Places() const { return std::min(limit_, 2 * limit_ - stalled_); }

Pool::Admission Pool::Submit(Ref<Call> call) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (active_ + queue_.size() >= Places() + queue_limit_) {
    return Admission::kFull;
  }
  Call& queued = *call;
  queue_.push_back(std::move(call));
  queued.place_ = std::prev(queue_.end());
  if (!StartThreadIfUseful() && active_ + idle_ == 0) {
    queue_.pop_back();
    return Admission::kNoThread;
  }
  work_.notify_one();
  return Admission::kAccepted;
}

// False when the system refused one.
bool Pool::StartThreadIfUseful() {
  if (idle_ >= queue_.size() || active_ + idle_ >= Places()) return true;
  try {
    const SignalsBlocked blocked;
    std::thread([pool = Ref<Pool>(this)] { pool->Work(); }).detach();
  } catch (const std::exception&) {
    return false;
  }
  ++idle_;
  return true;
}

Asked Pool::Abandon(Call& call) {
  // A queued call gives its place in the queue to the next.
  Ref<Call> dropped;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    switch (call.state_) {
      case Call::State::kQueued:
        dropped = std::move(*call.place_);
        queue_.erase(call.place_);
        call.state_ = Call::State::kDone;
        break;
      case Call::State::kActive:
        call.state_ = Call::State::kStalled;
        --active_;
        ++stalled_;
        DropExpired();
        StartThreadIfUseful();
        work_.notify_one();
        break;
      case Call::State::kStalled:
      case Call::State::kDone:
        return {};
    }
  }
  return call.verification_.Abandon();
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
  while (const Ref<Call> call = Next(lock)) RunCall(*call, kept, lock);
  --idle_;
  lock.unlock();
  const InsideLibkrb5 inside;
  kept.Drop();
}

// Many calls may come to their deadline at once: a thread that one of them has
// held is not to begin with another, for each to be abandoned in its turn.
void Pool::DropExpired() {
  const auto now = std::chrono::steady_clock::now();
  while (!queue_.empty() && queue_.front()->deadline_ <= now) {
    Call& call = *queue_.front();
    call.state_ = Call::State::kDone;
    (void)call.verification_.Abandon();
    queue_.pop_front();
  }
}

// The next call in line, or nothing: this thread is not needed any more.
Ref<Call> Pool::Next(std::unique_lock<std::mutex>& lock) {
  const auto ready = [this] {
    DropExpired();
    return !queue_.empty() && active_ < Places();
  };
  while (!ready()) {
    if (closed_ && queue_.empty()) return {};
    // By the system's clock, for the steady one needs glibc 2.30.
    const auto until = std::chrono::system_clock::now() + kIdle;
    if (work_.wait_until(lock, until) == std::cv_status::timeout && !ready()) {
      return {};
    }
  }
  Ref<Call> call = std::move(queue_.front());
  queue_.pop_front();
  --idle_;
  ++active_;
  call->state_ = Call::State::kActive;
  return call;
}

void Pool::RunCall(Call& call, KeptContext& kept,
                   std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  std::unique_ptr<Outcome> outcome;
  try {
    const InsideLibkrb5 inside;
    outcome = std::make_unique<Outcome>(call.verification_.Run(kept));
  } catch (const std::bad_alloc&) {
    // No outcome says so.
  }
  lock.lock();
  const bool abandoned = call.state_ == Call::State::kStalled;
  --(abandoned ? stalled_ : active_);
  ++idle_;
  call.state_ = Call::State::kDone;
  if (abandoned) return;
  lock.unlock();
  call.Settle(std::move(outcome));
  lock.lock();
}

}  // namespace kpass
