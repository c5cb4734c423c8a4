// What belongs to one environment of Node's: the main thread's, or a worker's.

#ifndef KPASS_ENVIRONMENT_H_
#define KPASS_ENVIRONMENT_H_

#include <napi.h>

#include <cstdint>
#include <functional>
#include <map>

#include "base/ref.h"
#include "node/mailbox.h"
#include "node/pool.h"

namespace kpass {

class Environment {
 public:
  Environment() : mailbox(new Mailbox) {}
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { End(); }

  static Environment& Of(Napi::Env env) {
    return *env.GetInstanceData<Environment>();
  }

  // Nothing of this environment is used by a thread after this.
  void End();

  // Numbered here and not in JavaScript, whose files may be loaded twice over
  // one addon: then two calls would have one number, and one result.
  uint32_t NextId();

  const Ref<Mailbox> mailbox;
  std::map<uint32_t, Ref<Call>> calls;  // submitted, not settled

 private:
  uint32_t last_id_ = 0;
};

Ref<Pool> PoolOf(Napi::Value value);

// Makes a call by its number, and submits it to its pool. Returns the number,
// or a Refusal below zero.
Napi::Value Submit(Napi::Env env,
                   const std::function<Ref<Call>(uint32_t id)>& make);

}  // namespace kpass

#endif  // KPASS_ENVIRONMENT_H_
