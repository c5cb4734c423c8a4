// The core without Node: verifies one user's password N times, and prints one
// line for each outcome. It is for valgrind, for the sanitizers, and for runs
// in which allocations fail.
//
//   harness OPTIONS USER < password
//   harness OPTIONS --change USER < password
//                                       changes the password to the same one
//   harness OPTIONS --token < token     accepts a token of Negotiate's instead
//
//   --service NAME   --host NAME   --keytab NAME   --realm NAME ...
//   --config FILE ...   --canonicalize   --armor
//   --repeat N            N verifications; default 1
//   --threads N           on a pool of N threads; default: on the main one
//   --abandon MS          abandons each after MS milliseconds; needs --threads
//   --fail-allocations    verifies again and again, each time with another
//                         allocation failing, from the first one to the last
//   --skim                skips some allocations, in growing steps, while the
//                         outcome stays the same
//   --lasting             all later allocations fail, too
//   --genuine             with --fail-allocations: the password is right and
//                         the KDC is genuine, so the outcome may be `verified`
//
// The password is all of stdin, with a newline at its end if there is one.
// Exit codes: 0, the run is complete, whatever the outcomes are; 1, a rule that
// must hold was broken; 2, wrong usage.

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <thread>

#include "base/exit_gate.h"
#include "node/pool.h"
#include "short_of_memory.h"
#include "task.h"

namespace kpass {
namespace {

int RunHere(const Task& task) {
  KeptContext kept;
  for (long i = 0; i < task.repeat; ++i) {
    Trial trial(task);
    const InsideLibkrb5 inside;
    trial.Run(kept);
    puts(trial.Describe().c_str());
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

class TalliedJob : public Job {
 public:
  TalliedJob(const Task& task, Tally* tally)
      : Job(std::chrono::minutes(1)), trial_(task), tally_(tally) {}

  void Run(KeptContext& kept) override {
    trial_.Run(kept);
    description_ = trial_.Describe();
  }
  void Abandon() override { trial_.Abandon(); }
  void Settle() noexcept override {
    const std::lock_guard<std::mutex> lock(tally_->mutex);
    ++tally_->outcomes[description_];
    ++tally_->settled;
    tally_->changed.notify_all();
  }

 private:
  Trial trial_;
  std::string description_ = "out of memory";
  Tally* const tally_;
};

// Every job settles once, unless it was abandoned; and the threads end.
int RunOnPool(const Task& task) {
  Tally tally;
  const Ref<Pool> pool(new Pool(task.threads, 1'000'000));
  std::vector<Ref<TalliedJob>> jobs;
  for (long i = 0; i < task.repeat; ++i) {
    jobs.emplace_back(new TalliedJob(task, &tally));
    if (pool->Submit(Ref<Job>(jobs.back().get())) !=
        Pool::Admission::kAccepted) {
      fputs("the pool did not accept a job\n", stderr);
      return 1;
    }
  }
  if (task.abandon_ms >= 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(task.abandon_ms));
    for (const Ref<TalliedJob>& job : jobs) pool->Abandon(*job);
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
                            {"armor", no_argument, nullptr, 'A'},
                            {"repeat", required_argument, nullptr, 'n'},
                            {"threads", required_argument, nullptr, 't'},
                            {"abandon", required_argument, nullptr, 'a'},
                            {"fail-allocations", no_argument, nullptr, 'f'},
                            {"skim", no_argument, nullptr, 'm'},
                            {"lasting", no_argument, nullptr, 'l'},
                            {"genuine", no_argument, nullptr, 'g'},
                            {"token", no_argument, nullptr, 'T'},
                            {"change", no_argument, nullptr, 'P'},
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
      case 'A':
        settings.fast = FastRule::kRequire;
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
      case 'T':
        task->token = true;
        break;
      case 'P':
        task->change = true;
        break;
      case -1:
        if (optind != argc - (task->token ? 0 : 1) ||
            settings.service.empty()) {
          return false;
        }
        if (!task->token) task->user = argv[optind];
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
  task.input = ReadAll(stdin);
  // As the addon does: a thread of a pool may still be in libkrb5 when main()
  // returns, and libkrb5's destructors would destroy the lock that it holds.
  ExitGate::Install();
  const int status = task.fail_allocations ? RunShortOfMemory(task)
                     : task.threads > 0    ? RunOnPool(task)
                                           : RunHere(task);
  fflush(stdout);  // the exit gate may end the process without that
  return status;
}

}  // namespace
}  // namespace kpass

int main(int argc, char** argv) { return kpass::Main(argc, argv); }
