// Rounds of calls on many threads, shared by the benchmark's C programs. Each
// line on stdin, CONCURRENCY CALLS MS, begins a round of CALLS calls,
// CONCURRENCY of them at once. The round ends with its last call, or after MS
// milliseconds (0: never) without waiting for calls in progress. At its end the
// program prints a line of JSON. The line has the CPU time of the whole process
// and the start and end of each successful call, all in ms. It also has the
// number of failed calls. bench/rounds.ts has the same input and output. The
// program ends when stdin ends.
//
// The program that includes this file defines two functions. Open makes the
// state that one thread keeps. Verify makes one call with that state, and
// returns whether the call succeeded.

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { kMostThreads = 1024 };

static void *Open(void);
static bool Verify(void *kept);

struct Call {
  double start;
  double end;
};

// Late threads may outlive their round, so a round is never freed.
struct Round {
  double start;
  int calls;
  int begun;
  int ended;
  int failed;
  int callers;
  struct Call *ends;
};

struct Seat {
  struct Round *round;
  void *kept;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gone = PTHREAD_COND_INITIALIZER;
static struct Seat seats[kMostThreads];

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double CpuMilliseconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static void *Caller(void *argument) {
  struct Seat *seat = argument;
  struct Round *round = seat->round;
  pthread_mutex_lock(&lock);
  while (round->begun < round->calls) {
    ++round->begun;
    pthread_mutex_unlock(&lock);
    const double start = Now();
    if (seat->kept == NULL) seat->kept = Open();
    const bool verified = Verify(seat->kept);
    const double end = Now();
    pthread_mutex_lock(&lock);
    if (!verified) {
      ++round->failed;
      continue;
    }
    struct Call *call = &round->ends[round->ended++];
    call->start = start - round->start;
    call->end = end - round->start;
  }
  --round->callers;
  pthread_cond_signal(&gone);
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void Begin(struct Round *round, int concurrency) {
  round->callers = concurrency;
  for (int i = 0; i < concurrency; ++i) {
    seats[i].round = round;
    pthread_t thread;
    if (pthread_create(&thread, NULL, Caller, &seats[i]) != 0) exit(1);
    pthread_detach(thread);
  }
}

static void AwaitEnd(const struct Round *round, double milliseconds) {
  const double end = round->start + milliseconds;
  const struct timespec until = {(time_t)(end / 1e3),
                                 (long)((long long)(end * 1e6) % 1000000000)};
  int code = 0;
  while (round->callers > 0 && code != ETIMEDOUT) {
    code = milliseconds == 0 ? pthread_cond_wait(&gone, &lock)
                             : pthread_cond_timedwait(&gone, &lock, &until);
  }
}

static void Tell(const struct Round *round, double cpu) {
  printf("{\"cpu\":%.4f,\"failed\":%d,\"calls\":[", cpu, round->failed);
  for (int i = 0; i < round->ended; ++i) {
    printf("%s[%.3f,%.3f]", i == 0 ? "" : ",", round->ends[i].start,
           round->ends[i].end);
  }
  puts("]}");
  fflush(stdout);
}

static int PlayRounds(void) {
  int concurrency, calls;
  double milliseconds;
  while (scanf("%d %d %lf", &concurrency, &calls, &milliseconds) == 3) {
    if (concurrency > kMostThreads) return 2;
    struct Round *round = calloc(1, sizeof(*round));
    if (round == NULL) return 1;
    round->calls = calls;
    round->ends = calloc((size_t)calls, sizeof(*round->ends));
    if (round->ends == NULL) return 1;
    pthread_mutex_lock(&lock);
    const double before = CpuMilliseconds();
    round->start = Now();
    Begin(round, concurrency);
    AwaitEnd(round, milliseconds);
    Tell(round, CpuMilliseconds() - before);
    pthread_mutex_unlock(&lock);
  }
  // Not exit(): it destroys libkrb5's locks while calls may be in progress.
  _exit(0);
}
