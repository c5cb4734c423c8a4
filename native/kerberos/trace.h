// libkrb5's account of what it does, line by line, with the lines of kpass's
// own transport among them.

#ifndef KPASS_TRACE_H_
#define KPASS_TRACE_H_

#include <krb5/krb5.h>

#include <mutex>
#include <string>
#include <vector>

#include "net/exchange.h"

namespace kpass {

// Each line begins with the process and the time.
using Trace = std::vector<std::string>;

// Any thread may take the lines while another one still adds some.
class TraceLog {
 public:
  // Drops the line once Take() was called, or if there are too many.
  void Add(const char* line);
  Trace Take();

  // Adds the lines of kpass's own transport. The log must outlive it.
  MessageLog ForTransport();

 private:
  std::mutex mutex_;
  Trace trace_;
  bool taken_ = false;
};

// While one lives, libkrb5 writes what it does with a context to `log`, and no
// longer to the file that KRB5_TRACE names. `log` null: nothing changes.
class Traced {
 public:
  Traced(krb5_context context, TraceLog* log);
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;
  ~Traced();

 private:
  const krb5_context context_;  // null: not traced
};

}  // namespace kpass

#endif  // KPASS_TRACE_H_
