#include "kerberos/abandonable.h"

#include <cstddef>
#include <utility>

#include "base/platform.h"

namespace kpass {
namespace {

constexpr size_t kDeadStack =
    size_t{32} * 1024;  // deeper than libkrb5 computes

// Computing with the password leaves pieces of it on the stack, below the
// frames in use. They are libkrb5's buffers (RC4, DES3), and vector registers:
// the dynamic linker saves those on the stack when it binds a function at its
// first call.
[[gnu::noinline]] void WipeDeadStack() {
  char dead[kDeadStack];
  Wipe(dead, sizeof dead);
}

}  // namespace

bool Abandonable::Begin() {
  const std::lock_guard<std::mutex> lock(mutex_);
  computing_ = !abandoned_;
  if (computing_) interrupt_.emplace();
  return computing_;
}

void Abandonable::End() {
  const std::lock_guard<std::mutex> lock(mutex_);
  computing_ = false;
  interrupt_.reset();
  WipeSecrets();
  WipeDeadStack();
}

void Abandonable::SetService(std::string service) {
  const std::lock_guard<std::mutex> lock(mutex_);
  asked_.service = std::move(service);
}

void Abandonable::AddAsked(std::string realm, std::vector<std::string> kdcs) {
  const std::lock_guard<std::mutex> lock(mutex_);
  asked_.realms.push_back(std::move(realm));
  for (std::string& kdc : kdcs) asked_.kdcs.push_back(std::move(kdc));
}

Asked Abandonable::TakeAsked() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return TakeAskedLocked();
}

Asked Abandonable::TakeAskedLocked() {
  Asked asked = std::move(asked_);
  asked.trace = trace_.Take();
  return asked;
}

void Abandonable::AddPasswordServer(std::string server) {
  const std::lock_guard<std::mutex> lock(mutex_);
  asked_.password_servers.push_back(std::move(server));
}

bool Abandonable::MaySend() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (abandoned_) return false;
  asked_.sent = true;
  return true;
}

bool Abandonable::LeaveForNetwork(bool proof) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (abandoned_) return false;
  if (proof) asked_.proof_left = true;
  computing_ = false;
  WipeDeadStack();
  return true;
}

bool Abandonable::ReturnFromNetwork() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (abandoned_) return false;
  computing_ = true;
  return true;
}

Asked Abandonable::Abandon() {
  const std::lock_guard<std::mutex> lock(mutex_);
  abandoned_ = true;
  if (interrupt_) interrupt_->Raise();
  if (!computing_) WipeSecrets();
  // Under the same lock: the thread that is interrupted takes them, too.
  return TakeAskedLocked();
}

}  // namespace kpass
