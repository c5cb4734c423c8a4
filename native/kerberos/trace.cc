#include "kerberos/trace.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <new>
#include <utility>

namespace kpass {
namespace {

// A hostile KDC can make libkrb5 write any number of lines.
constexpr size_t kMaxLines = 1000;
constexpr size_t kMaxLine = 1000;

void OnTrace(krb5_context, const krb5_trace_info* info, void* log) {
  if (info == nullptr) return;  // the callback is being removed
  try {
    static_cast<TraceLog*>(log)->Add(info->message);
  } catch (const std::bad_alloc&) {  // no exception may pass through libkrb5
  }
}

}  // namespace

void TraceLog::Add(const char* line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (taken_ || trace_.size() == kMaxLines) return;
  trace_.emplace_back(line, strnlen(line, kMaxLine));
}

Trace TraceLog::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  taken_ = true;
  return std::move(trace_);
}

// In the form of libkrb5's own lines.
MessageLog TraceLog::ForTransport() {
  return [this](const std::string& line) {
    timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    char head[64];
    (void)snprintf(head, sizeof head,
                   "[%d] %lld.%06ld: ", static_cast<int>(getpid()),
                   static_cast<long long>(now.tv_sec), now.tv_nsec / 1000);
    Add((head + line).c_str());
  };
}

Traced::Traced(krb5_context context, TraceLog* log)
    : context_(log == nullptr ? nullptr : context) {
  if (context_ == nullptr) return;
  (void)krb5_set_trace_callback(context_, OnTrace, log);
}

Traced::~Traced() {
  if (context_ == nullptr) return;
  (void)krb5_set_trace_callback(context_, nullptr, nullptr);
}

}  // namespace kpass
