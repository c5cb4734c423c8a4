#include "node/mailbox.h"

#include <utility>

namespace kpass {

Call::Call(uint32_t id, std::chrono::milliseconds timeout, Ref<Pool> pool,
           Ref<Mailbox> mailbox)
    : Job(timeout),
      id(id),
      pool(std::move(pool)),
      mailbox_(std::move(mailbox)) {}

void Call::Settle() noexcept { mailbox_->Post(Ref<Call>(this)); }

Ref<Call> Rest(const Ref<Call>& chain) { return std::move(chain->next_); }

void Discard(Ref<Call> chain) {
  while (chain) chain = Rest(chain);
}

void Mailbox::Close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    wake_ = nullptr;
  }
  Discard(Collect());  // Post() adds nothing any more
}

void Mailbox::Post(Ref<Call> call) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (wake_ == nullptr) return;
  Call* const posted = call.get();
  (last_ == nullptr ? first_ : last_->next_) = std::move(call);
  if (last_ == nullptr) {
    napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
  }
  last_ = posted;
}

Ref<Call> Mailbox::Collect() {
  const std::lock_guard<std::mutex> lock(mutex_);
  last_ = nullptr;
  return std::move(first_);
}

}  // namespace kpass
