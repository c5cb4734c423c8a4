// libkrb5's account of its steps, line by line, with the lines of kpass's own
// transport among them.

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
  // Drops the line after Take(), or if there are too many lines.
  void Add(const char* line);
  Trace Take();

  // Adds the lines of kpass's own transport. The TraceLog must outlive the
  // MessageLog.
  MessageLog ForTransport();

 private:
  std::mutex mutex_;
  Trace trace_;
  bool taken_ = false;
};

// While a Traced lives, libkrb5 writes its trace for one context to `log`, and
// not to the file that KRB5_TRACE names. If `log` is null, nothing changes.
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
