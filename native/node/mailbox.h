// The place where a pool's threads leave finished calls for JavaScript's
// thread.

#ifndef KPASS_MAILBOX_H_
#define KPASS_MAILBOX_H_

#include <napi.h>

#include <chrono>
#include <cstdint>
#include <mutex>

#include "base/ref.h"
#include "node/pool.h"

namespace kpass {

class Mailbox;

// A job that JavaScript waits for, and knows by its number.
class Call : public Job {
 public:
  Call(uint32_t id, std::chrono::milliseconds timeout, Ref<Pool> pool,
       Ref<Mailbox> mailbox);

  void Settle() noexcept final;

  // On JavaScript's thread, after Settle(): calls the function that start()
  // got.
  virtual void TellJavaScript(const Napi::Function& on_settled) const = 0;

  // On JavaScript's thread, after Pool::Abandon(): returns abandon()'s result.
  virtual Napi::Value Abandoned(Napi::Env env) const = 0;

  const uint32_t id;
  const Ref<Pool> pool;

 private:
  friend class Mailbox;
  friend Ref<Call> Rest(const Ref<Call>& chain);

  const Ref<Mailbox> mailbox_;
  Ref<Call> next_;  // in the mailbox
};

// Takes the first call off a chain, and returns the others. A chain that is
// freed by its head alone would take much stack.
Ref<Call> Rest(const Ref<Call>& chain);
void Discard(Ref<Call> chain);

// Belongs to one environment, the main thread's or a worker's, and outlives it.
// Close() tells it of the environment's end. So no thread ever touches a
// thread-safe function that Node is destroying.
class Mailbox : public RefCounted {
 public:
  void Open(napi_threadsafe_function wake) { wake_ = wake; }
  void Close();

  // Allocates nothing: a thread could tell nobody that memory ran out.
  void Post(Ref<Call> call) noexcept;

  // The finished calls as a chain, in the order of their posting.
  Ref<Call> Collect();

 private:
  std::mutex mutex_;
  napi_threadsafe_function wake_ = nullptr;
  Ref<Call> first_;
  Call* last_ = nullptr;
};

}  // namespace kpass

#endif  // KPASS_MAILBOX_H_
