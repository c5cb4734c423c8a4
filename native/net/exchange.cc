#include "net/exchange.h"

#include <poll.h>

#include <algorithm>

#include "net/message.h"

namespace kpass {
namespace {

using std::chrono::milliseconds;

// The head start of a way over the next one: three times its mean delay, within
// these bounds.
constexpr milliseconds kLeastHeadStart{100};
constexpr milliseconds kMostHeadStart{1000};
// The head start of UDP over TCP to the same address. It is long, so that a
// busy KDC does not get the message twice.
constexpr milliseconds kHeadStartOfUdp{1000};

// kRepeat: without a reply, a message is sent again after this time, then after
// twice this time, and so on.
constexpr milliseconds kRepeat{1000};
// kRepeatProof: the same for a message with proof. It is longer, because a slow
// KDC that does not recognize a repeated message counts the password again.
constexpr milliseconds kRepeatProof{3000};
// kProofByTcp: without a reply by UDP, proof goes to the same KDC by TCP.
constexpr milliseconds kProofByTcp{2000};

// kSilence: without a reply to any thread for this long, a way is silent.
constexpr milliseconds kSilence{1000};
// kProbe: how often all threads together ask a silent way again.
constexpr milliseconds kProbe{50};
// kLook: how often each thread checks whether a silent way is back.
constexpr milliseconds kLook{25};

// The time since which the way has been quiet.
Clock::time_point QuietSince(const Attempt& attempt, const Health& health) {
  return std::max(health.answered, attempt.begun());
}

}  // namespace

Delivery Exchange::Run() {
  errand_.proof ? PlanProof() : PlanRace();
  for (;;) {
    const auto now = Clock::now();
    StartDue(now);
    RepeatDue(now);
    const bool in_time = now - begun_ < errand_.patience;
    if (!in_time || !IsOpen() || !Wait(now)) return {Failure(), {}, {}};
    if (const Attempt* const winner = Receive(Clock::now())) {
      MarkOvertakenSilent(*winner);
      return {0, winner->reply(), winner->way()};
    }
  }
}

void Exchange::PlanRace() {
  auto when = begun_;
  for (const Way& way : errand_.ways) {
    for (const Due& earlier : due_) {
      if (!way.tcp || earlier.way.tcp || !earlier.way.SameAddress(way))
        continue;
      when = std::max(when, earlier.when + kHeadStartOfUdp);
    }
    due_.push_back({way, when});
    when += HeadStart(way);
  }
  // A preferred way that was silent gets the message as well. The others do not
  // wait for it.
  if (const auto old = kdcs_.WorthRetrying(begun_)) {
    const auto place =
        std::find_if(due_.begin(), due_.end(),
                     [&old](const Due& due) { return due.way == *old; });
    if (place != due_.end()) due_.erase(place);
    due_.insert(due_.begin(), {*old, begun_});
  }
}

// TCP follows, in case UDP cannot carry the reply.
void Exchange::PlanProof() {
  const Way& way = errand_.ways.front();
  due_.push_back({way, begun_});
  if (!way.tcp && kdcs_.Has(way.ByTcp())) {
    due_.push_back({way.ByTcp(), begun_ + kProofByTcp});
  }
}

Clock::duration Exchange::HeadStart(const Way& way) {
  return std::clamp<Clock::duration>(3 * kdcs_.HealthOf(way).delay,
                                     kLeastHeadStart, kMostHeadStart);
}

// Starts the next way early if no attempt is left that could get a reply.
void Exchange::StartDue(Clock::time_point now) {
  for (auto next = due_.begin(); next != due_.end();) {
    if (next->when > now && IsOpen()) {
      ++next;
      continue;
    }
    const Way way = next->way;
    next = due_.erase(next);
    Start(way, now);
  }
}

void Exchange::Start(const Way& way, Clock::time_point now) {
  Log("kpass asks", way);
  kdcs_.MarkAsked(way, now);
  const Clock::duration repeat = errand_.proof ? kRepeatProof : kRepeat;
  attempts_.push_back(
      std::make_unique<Attempt>(way, errand_.message, repeat, now));
  if (attempts_.back()->state() == Attempt::State::kOver) {
    kdcs_.MarkSilent(way);
  }
}

void Exchange::RepeatDue(Clock::time_point now) {
  for (const auto& attempt : attempts_) {
    if (attempt->state() != Attempt::State::kWaiting) continue;
    if (!MarkSilentAndDue(*attempt, now)) continue;
    Log("kpass asks again", attempt->way());
    kdcs_.MarkAsked(attempt->way(), now);
    attempt->Send(now);
  }
}

// Marks the way silent after kSilence. Returns true if the message is due
// again.
bool Exchange::MarkSilentAndDue(const Attempt& attempt, Clock::time_point now) {
  if (attempt.taken()) return false;
  if (errand_.proof) return now >= attempt.again() && !IsTaken();
  if (now >= attempt.again()) return true;
  Health health = kdcs_.HealthOf(attempt.way());
  if (health.back > attempt.sent_at()) return true;
  if (health.state != Health::State::kSilent) {
    if (now - QuietSince(attempt, health) < kSilence) return false;
    kdcs_.MarkSilent(attempt.way());
  }
  return !attempt.way().tcp && now - health.asked >= kProbe;
}

// Waits until a socket is ready or something is due. Returns false if the wait
// was interrupted.
bool Exchange::Wait(Clock::time_point now) {
  auto until = begun_ + errand_.patience;
  for (const Due& due : due_) until = std::min(until, due.when);
  const bool proof_taken = errand_.proof && IsTaken();
  std::vector<pollfd> polled{{interrupt_.fd(), POLLIN, 0}};
  for (const auto& attempt : attempts_) {
    if (attempt->state() != Attempt::State::kWaiting) continue;
    polled.push_back(attempt->Poll());
    if (attempt->taken() || proof_taken) continue;
    until = std::min(until, attempt->again());
    if (errand_.proof) continue;
    // Another thread may hear from the way first.
    const Health health = kdcs_.HealthOf(attempt->way());
    const bool silent = health.state == Health::State::kSilent;
    until = std::min(
        until, silent ? now + kLook : QuietSince(*attempt, health) + kSilence);
  }
  const auto wait =
      std::chrono::ceil<milliseconds>(std::max(until - now, Clock::duration{}));
  (void)poll(polled.data(), static_cast<nfds_t>(polled.size()),
             static_cast<int>(wait.count()));
  return (polled.front().revents & POLLIN) == 0;
}

// The attempt that has the reply, if there is one.
const Attempt* Exchange::Receive(Clock::time_point now) {
  for (const auto& attempt : attempts_) {
    if (attempt->state() != Attempt::State::kWaiting) continue;
    attempt->Advance();
    if (attempt->state() == Attempt::State::kOver) {
      kdcs_.MarkSilent(attempt->way());
    } else if (attempt->state() == Attempt::State::kReplied &&
               AcceptReply(*attempt, now)) {
      return attempt.get();
    }
  }
  return nullptr;
}

// Records the answer. Returns false if the exchange goes on. It goes on with
// another KDC if this one cannot answer, and by TCP if the reply is too big for
// UDP.
bool Exchange::AcceptReply(Attempt& attempt, Clock::time_point now) {
  const Way way = attempt.way();
  Log("kpass is answered by", way);
  const auto error = ErrorCode(attempt.reply());
  if (error == kServiceUnavailable) {
    unavailable_ = true;
    attempt.GiveUp();
    kdcs_.MarkSilent(way);
    return false;
  }
  kdcs_.MarkAnswered(way, attempt.sent_at(), now);
  if (error != kResponseTooBig || way.tcp || !kdcs_.Has(way.ByTcp()))
    return true;
  attempt.GiveUp();
  due_.clear();
  due_.push_back({way.ByTcp(), now});
  return false;
}

// A way is silent if its whole head start over the winner passed without an
// answer. The next race starts that way after the winner.
void Exchange::MarkOvertakenSilent(const Attempt& winner) {
  for (const auto& attempt : attempts_) {
    if (attempt->state() != Attempt::State::kWaiting) continue;
    const Health health = kdcs_.HealthOf(attempt->way());
    if (health.answered < attempt->begun() &&
        attempt->begun() + HeadStart(attempt->way()) <= winner.begun()) {
      kdcs_.MarkSilent(attempt->way());
    }
  }
}

// Whether a KDC has taken a part of the message by TCP.
bool Exchange::IsTaken() const {
  return std::any_of(attempts_.begin(), attempts_.end(), [](const auto& each) {
    return each->state() == Attempt::State::kWaiting && each->taken();
  });
}

// Whether a reply can still come.
bool Exchange::IsOpen() const {
  return std::any_of(attempts_.begin(), attempts_.end(), [](const auto& each) {
    return each->state() == Attempt::State::kWaiting;
  });
}

krb5_error_code Exchange::Failure() const {
  for (const auto& attempt : attempts_) {
    if (attempt->error() != 0) return attempt->error();
  }
  return unavailable_ ? KRB5KDC_ERR_SVC_UNAVAILABLE : KRB5_KDC_UNREACH;
}

void Exchange::Log(const char* event, const Way& way) {
  if (log_) log_(std::string(event) + ' ' + way.Text());
}

}  // namespace kpass
