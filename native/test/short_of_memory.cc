#include "short_of_memory.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <algorithm>
#include <map>
#include <new>

#include "base/exit_gate.h"
#include "failing_malloc.h"

#ifdef __SANITIZE_ADDRESS__
// libkrb5 loses some of its memory when a later allocation of the same call
// fails. The suppressions work only with fast_unwind_on_malloc=0, because
// libkrb5 keeps no frame pointers.
extern "C" [[gnu::visibility("default")]] const char*
__lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:krb5_get_init_creds_password\n"
         "leak:krb5_rd_req\n"
         "leak:krb5_mk_rep\n"
         "leak:krb5_verify_init_creds\n"
         "leak:krb5_kt_get_entry\n";
}
#endif

namespace kpass {
namespace {

// The result of one attempt. The child writes it, and the parent reads it.
struct Report {
  enum class End { kCrashedInKpass, kCrashedInLibkrb5, kLeaked, kFinished };

  End end = End::kCrashedInKpass;
  bool failed = false;  // an allocation
  bool proved = false;  // in spite of that
  bool recovered = false;
  char words[200] = "";
};

Report* g_report = nullptr;

constexpr int kMostFrames = 64;
constexpr long kLongestStep = 512;
constexpr unsigned kPatience = 30;  // seconds

template <size_t kSize>
void Copy(const char* from, char (&to)[kSize]) {
  snprintf(to, kSize, "%s", from);
}

// libkrb5 does not check all of its allocations. Its own faults are counted
// apart, except in krb5_free...(): there kpass may have passed a bad pointer.
void OnFault(int signal) {
  Copy(strsignal(signal), g_report->words);
  void* frames[kMostFrames];
  const int count = backtrace(frames, kMostFrames);
  const char* called = "?";  // the function that kpass called
  // The first two are this function and the kernel's trampoline.
  for (int i = 2; i < count; ++i) {
    Dl_info place = {};
    if (dladdr(frames[i], &place) == 0) continue;
    if (strstr(place.dli_fname, "/libc.so") != nullptr) continue;
    if (strstr(place.dli_fname, "/lib") == nullptr) break;
    called = place.dli_sname != nullptr ? place.dli_sname : place.dli_fname;
  }
  Copy(called, g_report->words);
  if (*called != '?' && strncmp(called, "krb5_free", 9) != 0) {
    g_report->end = Report::End::kCrashedInLibkrb5;
  }
  _exit(1);
}

// As the pool runs it: a failed allocation is an outcome.
void RunFailing(Trial* trial, bool lasting, KeptContext& kept, long first) {
  try {
    const InsideLibkrb5 inside;
    const FailingMalloc failing(first, lasting);
    trial->Run(kept);
  } catch (const std::bad_alloc&) {
  }
}

bool ProvesWithMemory(const Task& task, KeptContext& kept) {
  Trial trial(task);
  RunFailing(&trial, task.lasting, kept, 0);
  return trial.proved();
}

// Runs in a child, because libkrb5 may crash. `in_use`: with the context that
// the parent has used; else with a new one, made with failing allocations.
void AttemptShortOfMemory(const Task& task, KeptContext& used, bool in_use,
                          long first) {
  void* frame = nullptr;
  backtrace(&frame, 1);  // the first call allocates; a handler must not
  for (const int fault : {SIGSEGV, SIGBUS, SIGABRT}) signal(fault, OnFault);
  alarm(kPatience);
  {
    KeptContext fresh;
    KeptContext& kept = in_use ? used : fresh;
    Trial trial(task);
    RunFailing(&trial, task.lasting, kept, first);
    Copy(trial.Describe().c_str(), g_report->words);
    g_report->failed = FailingMalloc::HasFailed();
    g_report->proved = trial.proved();
    // With memory again, and a new context, the outcome is the usual one.
    kept.Drop();
    g_report->recovered = ProvesWithMemory(task, kept) == task.genuine;
    used.Drop();
  }
  g_report->end = Report::End::kLeaked;
#ifdef __SANITIZE_ADDRESS__
  if (__lsan_do_recoverable_leak_check() != 0) _exit(1);
#endif
  g_report->end = Report::End::kFinished;
  _exit(0);
}

Report AttemptInChild(const Task& task, KeptContext& used, bool in_use,
                      long first) {
  *g_report = {};
  const pid_t child = fork();
  if (child == 0) AttemptShortOfMemory(task, used, in_use, first);
  int status = 0;
  waitpid(child, &status, 0);
  return *g_report;
}

}  // namespace

int RunShortOfMemory(const Task& task) {
  void* const shared = mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  g_report = new (shared) Report;

  std::map<std::string, long> outcomes;
  long bad = 0;
  for (const bool in_use : {false, true}) {
    KeptContext used;
    if (ProvesWithMemory(task, used) != task.genuine) {
      fputs("with all its memory, it has another outcome\n", stderr);
      return 1;
    }
    long first = 1;
    long step = 1;
    std::string before;
    for (;; first += step) {
      const Report report = AttemptInChild(task, used, in_use, first);
      std::string words = report.words;
      // Thousands of allocations belong to one call of string-to-key.
      if (task.skim && words != before && step > 1) {
        first -= step;
        step = 1;
        before = words;
        continue;
      }
      step =
          task.skim && words == before ? std::min(2 * step, kLongestStep) : 1;
      before = words;
      if (report.end == Report::End::kCrashedInLibkrb5) {
        words = "libkrb5's own fault in a call of " + words;
      } else if (report.end != Report::End::kFinished ||
                 (report.proved && !task.genuine) || !report.recovered) {
        words = "BAD: " + words;
        ++bad;
        fprintf(stderr, "%s, with allocation %ld failing: %s\n",
                report.end == Report::End::kLeaked ? "leak" : "bad", first,
                report.words);
      } else if (!report.failed) {
        break;
      }
      ++outcomes[words];
    }
    printf("%s context: up to allocation %ld\n", in_use ? "used" : "fresh",
           first);
  }
  for (const auto& [outcome, count] : outcomes) {
    printf("%6ld %s\n", count, outcome.c_str());
  }
  return bad == 0 ? 0 : 1;
}

}  // namespace kpass
