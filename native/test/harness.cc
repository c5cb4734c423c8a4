// The core without Node: verifies one user's password as often as told, one
// line an outcome. For valgrind and the sanitizers, and for memory that runs
// out.
//
//   harness OPTIONS USER < password
//
//   --service NAME   --host NAME   --keytab NAME   --realm NAME ...
//   --config FILE ...   --canonicalize
//   --repeat N            so many verifications; default 1
//   --threads N           on a pool of N threads; default: on the main one
//   --abandon MS          each is abandoned after so many ms; needs --threads
//   --fail-allocations    verifies again and again, each time with another
//                         allocation failing, from the first one to the last
//   --skim                not all of them: in growing steps, while the outcome
//                         stays the same
//   --lasting             all later allocations fail, too
//   --genuine             with --fail-allocations: the password is right and
//                         the KDC genuine, so that `verified` may be the
//                         outcome
//
// The password is all of stdin, a newline at its end included. Exits 0 when it
// could do what it was told, whatever the outcomes; 1 when something that must
// hold did not; 2 for wrong usage.

#include <dlfcn.h>
#include <execinfo.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <new>
#include <thread>

#include "failing_malloc.h"
#include "node/pool.h"

#ifdef __SANITIZE_ADDRESS__
// Of what libkrb5 allocates within these calls, some is lost when a later
// allocation of the same call fails. (It takes fast_unwind_on_malloc=0 to see
// whose call it was: libkrb5 keeps no frame pointers.)
extern "C" [[gnu::visibility("default")]] const char*
__lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:krb5_get_init_creds_password\n"
         "leak:krb5_verify_init_creds\n"
         "leak:krb5_kt_get_entry\n";
}
#endif

namespace kpass {
namespace {

struct Task {
  Ref<Settings> settings{new Settings};
  std::string user;
  std::string password;
  long repeat = 1;
  size_t threads = 0;
  long abandon_ms = -1;
  bool fail_allocations = false;
  bool skim = false;
  bool lasting = false;
  bool genuine = false;
};

Secret SecretFrom(const std::string& text) {
  Secret secret(text.size());
  text.copy(secret.data(), text.size());
  return secret;
}

std::string Describe(const Outcome& outcome) {
  if (outcome.verified) return "verified " + outcome.principal;
  return std::string("not verified: ") + outcome.step + " " +
         std::to_string(outcome.code) + " " + outcome.message;
}

int RunHere(const Task& task) {
  KeptContext kept;
  for (long i = 0; i < task.repeat; ++i) {
    Verification verification(task.settings, task.user,
                              SecretFrom(task.password));
    puts(Describe(verification.Run(kept)).c_str());
  }
  return 0;
}

// --- On a pool ---------------------------------------------------------------

// Outcomes as they settle.
struct Tally {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, long> outcomes;
  long settled = 0;
};

class TalliedCall : public Call {
 public:
  TalliedCall(const Task& task, Tally* tally)
      : Call(task.settings, task.user, SecretFrom(task.password),
             std::chrono::minutes(1)),
        tally_(tally) {}

  void Settle(std::unique_ptr<Outcome> outcome) noexcept override {
    const std::lock_guard<std::mutex> lock(tally_->mutex);
    ++tally_->outcomes[outcome ? Describe(*outcome) : "out of memory"];
    ++tally_->settled;
    tally_->changed.notify_all();
  }

 private:
  Tally* const tally_;
};

// Every call settles once, if it was not abandoned; and the threads end.
int RunOnPool(const Task& task) {
  Tally tally;
  const Ref<Pool> pool(new Pool(task.threads, 1'000'000));
  std::vector<Ref<TalliedCall>> calls;
  for (long i = 0; i < task.repeat; ++i) {
    calls.emplace_back(new TalliedCall(task, &tally));
    if (pool->Submit(Ref<Call>(calls.back().get())) !=
        Pool::Admission::kAccepted) {
      fputs("the pool did not accept a call\n", stderr);
      return 1;
    }
  }
  if (task.abandon_ms >= 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(task.abandon_ms));
    for (const Ref<TalliedCall>& call : calls) pool->Abandon(*call);
  } else {
    std::unique_lock<std::mutex> lock(tally.mutex);
    tally.changed.wait(lock, [&] { return tally.settled == task.repeat; });
  }
  pool->Close();
  while (pool->GetStats().threads > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const std::lock_guard<std::mutex> lock(tally.mutex);
  for (const auto& [outcome, count] : tally.outcomes) {
    printf("%ld %s\n", count, outcome.c_str());
  }
  return tally.settled <= task.repeat ? 0 : 1;
}

// --- With memory that runs out -----------------------------------------------

// What one attempt came to, written by a child for its parent to read.
struct Report {
  enum class End { kCrashedInKpass, kCrashedInLibkrb5, kLeaked, kFinished };

  End end = End::kCrashedInKpass;
  bool failed = false;    // an allocation
  bool verified = false;  // in spite of that
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

// libkrb5 does not check all of its allocations, and its faults are counted
// apart. Not those while it frees something for kpass: what it was given to
// free, kpass may have been wrong to keep.
void OnFault(int signal) {
  Copy(strsignal(signal), g_report->words);
  void* frames[kMostFrames];
  const int count = backtrace(frames, kMostFrames);
  const char* called = "?";  // by kpass
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

// As the pool runs it: what cannot be allocated is an outcome.
Outcome RunFailing(const Task& task, KeptContext& kept, long first) {
  Outcome outcome;
  outcome.step = "malloc";
  try {
    Verification verification(task.settings, task.user,
                              SecretFrom(task.password));
    const FailingMalloc failing(first, task.lasting);
    outcome = verification.Run(kept);
  } catch (const std::bad_alloc&) {
  }
  return outcome;
}

// In a child, for libkrb5 may crash it. The context is one in use, which the
// child has from its parent; or one of its own, made with failing allocations.
void AttemptShortOfMemory(const Task& task, KeptContext& used, bool in_use,
                          long first) {
  void* frame = nullptr;
  backtrace(&frame, 1);  // The first call allocates: not when that has crashed.
  for (const int fault : {SIGSEGV, SIGBUS, SIGABRT}) signal(fault, OnFault);
  alarm(kPatience);
  {
    KeptContext fresh;
    KeptContext& kept = in_use ? used : fresh;
    const Outcome outcome = RunFailing(task, kept, first);
    Copy(Describe(outcome).c_str(), g_report->words);
    g_report->failed = FailingMalloc::HasFailed();
    g_report->verified = outcome.verified;
    // With memory again, all is as ever, in a context that is made anew.
    kept.Drop();
    g_report->recovered = RunFailing(task, kept, 0).verified == task.genuine;
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

// Whatever cannot be allocated: kpass does not crash, nothing leaks, no other
// password and no other KDC is believed. libkrb5 gets by without some of what
// it asks for; then the outcome is that of any other day.
int RunShortOfMemory(const Task& task) {
  void* const shared = mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  g_report = new (shared) Report;

  std::map<std::string, long> outcomes;
  long bad = 0;
  for (const bool in_use : {false, true}) {
    KeptContext used;
    if (RunFailing(task, used, 0).verified != task.genuine) {
      fputs("with all its memory it says otherwise\n", stderr);
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
                 (report.verified && !task.genuine) || !report.recovered) {
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

// --- The command line --------------------------------------------------------

std::string ReadAll(FILE* file) {
  std::string text;
  for (int c = getc(file); c != EOF; c = getc(file)) {
    text.push_back(static_cast<char>(c));
  }
  return text;
}

bool Parse(int argc, char** argv, Task* task) {
  const option options[] = {{"service", required_argument, nullptr, 's'},
                            {"host", required_argument, nullptr, 'h'},
                            {"keytab", required_argument, nullptr, 'k'},
                            {"realm", required_argument, nullptr, 'r'},
                            {"config", required_argument, nullptr, 'c'},
                            {"canonicalize", no_argument, nullptr, 'C'},
                            {"repeat", required_argument, nullptr, 'n'},
                            {"threads", required_argument, nullptr, 't'},
                            {"abandon", required_argument, nullptr, 'a'},
                            {"fail-allocations", no_argument, nullptr, 'f'},
                            {"skim", no_argument, nullptr, 'm'},
                            {"lasting", no_argument, nullptr, 'l'},
                            {"genuine", no_argument, nullptr, 'g'},
                            {nullptr, 0, nullptr, 0}};
  Settings& settings = *task->settings;
  for (;;) {
    switch (getopt_long(argc, argv, "", options, nullptr)) {
      case 's':
        settings.service = optarg;
        break;
      case 'h':
        settings.host = optarg;
        break;
      case 'k':
        settings.keytab = optarg;
        break;
      case 'r':
        settings.realms.emplace_back(optarg);
        break;
      case 'c':
        settings.config.files.emplace_back(optarg);
        settings.config.named = true;
        break;
      case 'C':
        settings.canonicalize = true;
        break;
      case 'n':
        task->repeat = strtol(optarg, nullptr, 10);
        break;
      case 't':
        task->threads = strtoul(optarg, nullptr, 10);
        break;
      case 'a':
        task->abandon_ms = strtol(optarg, nullptr, 10);
        break;
      case 'f':
        task->fail_allocations = true;
        break;
      case 'm':
        task->skim = true;
        break;
      case 'l':
        task->lasting = true;
        break;
      case 'g':
        task->genuine = true;
        break;
      case -1:
        if (optind != argc - 1 || settings.service.empty()) return false;
        task->user = argv[optind];
        settings.config.first = KPASS_NATIVE_DIR "/conf/first.conf";
        settings.config.last = KPASS_NATIVE_DIR "/conf/last.conf";
        return true;
      default:
        return false;
    }
  }
}

int Main(int argc, char** argv) {
  Task task;
  if (!Parse(argc, argv, &task)) {
    fputs("usage: see the head of native/test/harness.cc\n", stderr);
    return 2;
  }
  task.password = ReadAll(stdin);
  if (task.fail_allocations) return RunShortOfMemory(task);
  return task.threads > 0 ? RunOnPool(task) : RunHere(task);
}

}  // namespace
}  // namespace kpass

int main(int argc, char** argv) { return kpass::Main(argc, argv); }
