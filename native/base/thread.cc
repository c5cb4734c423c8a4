#include "base/thread.h"

#include <signal.h>

#include <exception>
#include <thread>
#include <utility>

#include "base/platform.h"

namespace kpass {
namespace {

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

bool StartThread(std::function<void()> work) {
  try {
    const SignalsBlocked blocked;
    std::thread(std::move(work)).detach();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace kpass
