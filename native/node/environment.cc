#include "node/environment.h"

#include <new>

namespace kpass {
namespace {

// Why there is no call, in place of its number.
enum Refusal : int { kFull = -1, kNoThread = -2, kNoMemory = -3 };

double Admit(Environment& environment,
             const std::function<Ref<Call>(uint32_t id)>& make) {
  const uint32_t id = environment.NextId();
  const Ref<Call> call = make(id);
  const auto entry = environment.calls.emplace(id, call).first;
  Pool::Admission admission = Pool::Admission::kNoThread;
  try {
    admission = call->pool->Submit(Ref<Job>(call.get()));
  } catch (const std::bad_alloc&) {
    environment.calls.erase(entry);
    throw;
  }
  if (admission == Pool::Admission::kAccepted) return id;
  environment.calls.erase(entry);
  return admission == Pool::Admission::kFull ? kFull : kNoThread;
}

}  // namespace

void Environment::End() {
  mailbox->Close();
  for (const auto& [id, call] : calls) call->pool->Abandon(*call);
  calls.clear();
}

uint32_t Environment::NextId() {
  do {
    ++last_id_;
  } while (last_id_ == 0 || calls.count(last_id_) != 0);
  return last_id_;
}

Ref<Pool> PoolOf(Napi::Value value) {
  return Ref<Pool>(value.As<Napi::External<Pool>>().Data());
}

Napi::Value Submit(Napi::Env env,
                   const std::function<Ref<Call>(uint32_t id)>& make) {
  double answer = kNoMemory;
  try {
    answer = Admit(Environment::Of(env), make);
  } catch (const std::bad_alloc&) {  // no exception may pass through Node
  }
  return Napi::Number::New(env, answer);
}

}  // namespace kpass
