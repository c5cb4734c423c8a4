#include "net/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "net/message.h"

namespace kpass {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The head start that a way has over the next: this, or three times as long as
// it took to answer of late, if that is more; a second at most.
constexpr milliseconds kHeadStart{100};
constexpr milliseconds kMostHeadStart{1000};
// And UDP over TCP to the same address: a busy KDC is not to be asked twice.
constexpr milliseconds kHeadStartOfUdp{1000};

// When a datagram is sent again: then, after twice that time, and so on. With
// proof of the password later, and by TCP if that can be had: a KDC that is
// merely slow, and does not know a message for one that it has already, counts
// it each time.
constexpr milliseconds kRepeat{1000};
constexpr milliseconds kProofByTcp{2000};
constexpr milliseconds kRepeatProof{3000};

// What has not answered for so long, to anybody, is silent. It is then asked
// this often by all who wait for it together, each of whom looks this often
// whether it is back.
constexpr milliseconds kSilence{1000};
constexpr milliseconds kProbe{50};
constexpr milliseconds kLook{25};

// A conversation's patience, where krb5.conf has no request_timeout; and a
// replica's errors do not wait longer for the primary KDC's opinion.
constexpr seconds kPatience{30};
constexpr seconds kPatienceForPrimary{1};

// As libkrb5 bounds them: a ticket may hold an AD user's thousand groups.
constexpr size_t kMostReply = size_t{1024} * 1024;
constexpr int kMostUdp = 1465;
constexpr int kHardMostUdp = 32700;

// RFC 4120, 7.5.9, and RFC 6113, 6: codes that an exchange does not end with.
constexpr int64_t kPreauthRequired = 25;
constexpr int64_t kServiceUnavailable = 29;
constexpr int64_t kClockSkew = 37;
constexpr int64_t kResponseTooBig = 52;
constexpr int64_t kWrongRealm = 68;
constexpr int64_t kPreauthExpired = 90;
constexpr int64_t kMorePreauthRequired = 91;

// Whether the AS exchange goes on after this reply.
bool EndsInError(std::string_view reply) {
  const auto error = ErrorCode(reply);
  if (!error) return false;
  switch (*error) {
    case kPreauthRequired:
    case kClockSkew:
    case kResponseTooBig:
    case kWrongRealm:
    case kPreauthExpired:
    case kMorePreauthRequired:
      return false;
    default:
      return true;
  }
}

// One message, and how it may be carried.
struct Errand {
  std::string_view message;
  Clock::duration patience;  // then it is given up
  // A race between these, or the one way that it may take, repeated seldom.
  std::vector<Way> ways;
  bool proof = false;
};

// One message on one way.
class Attempt {
 public:
  enum class State { kWaiting, kReplied, kOver };

  Attempt(const Way& way, std::string_view message, Clock::duration repeat,
          Clock::time_point now)
      : way_(way), begun_(now), repeat_(repeat) {
    if (way.tcp) {
      // RFC 4120, 7.2.2: its length in four bytes, and the message.
      for (const int shift : {24, 16, 8, 0}) {
        out_ += static_cast<char>(message.size() >> shift & 0xff);
      }
    }
    out_ += message;
    Send(now);
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() { Close(); }

  // Also once more: another datagram, or a new connection.
  void Send(Clock::time_point now) {
    if (now >= again_ && fd_ >= 0) repeat_ *= 2;
    sent_at_ = now;
    again_ = now + repeat_;
    if (way_.tcp) Close();
    if (fd_ < 0) Open();
    if (fd_ >= 0 && !way_.tcp) Write();
  }

  // What can be done without waiting.
  void Advance() {
    if (state_ != State::kWaiting) return;
    if (written_ < out_.size()) Write();
    if (state_ == State::kWaiting && written_ == out_.size()) Read();
  }

  void GiveUp(int error = 0) {
    state_ = State::kOver;
    error_ = error;
    Close();
  }

  pollfd Poll() const {
    const short events = written_ < out_.size() ? POLLOUT : POLLIN;
    return {fd_, events, 0};
  }

  State state() const { return state_; }
  const Way& way() const { return way_; }
  const std::string& reply() const { return reply_; }
  int error() const { return error_; }
  // Whether the KDC has taken something of it: by TCP, then, it is there.
  bool taken() const { return way_.tcp && written_ > 0; }
  Clock::time_point begun() const { return begun_; }
  Clock::time_point sent_at() const { return sent_at_; }
  Clock::time_point again() const { return again_; }

 private:
  void Open() {
    written_ = 0;
    reply_.clear();
    fd_ =
        OpenSocket(way_.address.ss_family, way_.tcp ? SOCK_STREAM : SOCK_DGRAM);
    if (fd_ < 0) return GiveUp(errno);
    // A datagram's socket as well: the kernel then takes replies from there
    // alone, and tells of a port where nobody listens.
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&way_.address),
                way_.length) != 0 &&
        errno != EINPROGRESS) {
      GiveUp();
    }
  }

  void Write() {
    if (!way_.tcp) written_ = 0;
    const ssize_t count =
        SendQuietly(fd_, out_.data() + written_, out_.size() - written_);
    if (count < 0) return Failed();
    written_ += static_cast<size_t>(count);
  }

  void Read() { way_.tcp ? ReadStream() : ReadDatagram(); }

  void ReadDatagram() {
    const ssize_t room = RoomForDatagram(fd_);
    if (room < 0) return Failed();
    reply_.resize(static_cast<size_t>(room));
    const ssize_t size = recv(fd_, reply_.data(), reply_.size(), 0);
    if (size < 0) return Failed();
    reply_.resize(static_cast<size_t>(size));
    if (!reply_.empty()) state_ = State::kReplied;
  }

  void ReadStream() {
    char bytes[4096];
    for (;;) {
      const ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
      if (count < 0) return Failed();
      if (count == 0) return GiveUp();
      reply_.append(bytes, static_cast<size_t>(count));
      if (reply_.size() < kFrame) continue;
      size_t length = 0;
      for (size_t i = 0; i < kFrame; ++i) {
        length = length << 8 | static_cast<unsigned char>(reply_[i]);
      }
      if (length == 0 || length > kMostReply) return GiveUp();
      if (reply_.size() < kFrame + length) continue;
      reply_ = reply_.substr(kFrame, length);
      state_ = State::kReplied;
      return;
    }
  }

  // By ENOTCONN, macOS says of a stream that it is not connected yet.
  void Failed() {
    if (errno != EAGAIN && errno != EINTR && errno != ENOTCONN) GiveUp();
  }

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  static constexpr size_t kFrame = 4;

  const Way way_;
  std::string out_;
  std::string reply_;
  size_t written_ = 0;
  int fd_ = -1;
  int error_ = 0;
  State state_ = State::kWaiting;
  const Clock::time_point begun_;
  Clock::duration repeat_;
  Clock::time_point sent_at_, again_;
};

// All that is done to have one message answered.
class Exchange {
 public:
  Exchange(Kdcs& kdcs, const Errand& errand, const Interrupt& interrupt,
           const Transport::Note& note)
      : kdcs_(kdcs),
        errand_(errand),
        interrupt_(interrupt),
        note_(note),
        begun_(Clock::now()) {}

  Delivery Run();

 private:
  void PlanRace();
  void PlanProof();
  void Start(const Way& way, Clock::time_point now);
  void StartDue(Clock::time_point now);
  void RepeatDue(Clock::time_point now);
  bool IsToRepeat(const Attempt& attempt, Clock::time_point now);
  Clock::time_point Heard(const Attempt& attempt, const Health& health) const;
  bool Wait(Clock::time_point now);
  const Attempt* Receive(Clock::time_point now);
  bool IsReply(Attempt& attempt, Clock::time_point now);
  void NoteOvertaken(const Attempt& winner);
  Clock::duration HeadStart(const Way& way);
  bool IsTaken() const;
  bool IsOpen() const;
  krb5_error_code Failure() const;
  void Note(const char* what, const Way& way);

  struct Due {
    Way way;
    Clock::time_point when;
  };

  Kdcs& kdcs_;
  const Errand& errand_;
  const Interrupt& interrupt_;
  const Transport::Note& note_;
  const Clock::time_point begun_;
  std::vector<Due> due_;  // in their order
  std::vector<std::unique_ptr<Attempt>> attempts_;
  bool unwell_ = false;  // a KDC said so
};

Delivery Exchange::Run() {
  errand_.proof ? PlanProof() : PlanRace();
  for (;;) {
    const auto now = Clock::now();
    StartDue(now);
    RepeatDue(now);
    const bool in_time = now - begun_ < errand_.patience;
    if (!in_time || !IsOpen() || !Wait(now)) return {Failure(), {}, {}};
    if (const Attempt* const winner = Receive(Clock::now())) {
      NoteOvertaken(*winner);
      return {0, winner->reply(), winner->way()};
    }
  }
}

// Which ways, and when, unless there is a reply before.
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
  // In passing: it is not waited for, unless for lack of another.
  if (const auto old = kdcs_.WorthRetrying(begun_)) {
    const auto place =
        std::find_if(due_.begin(), due_.end(),
                     [&old](const Due& due) { return due.way == *old; });
    if (place != due_.end()) due_.erase(place);
    due_.insert(due_.begin(), {*old, begun_});
  }
}

// By TCP where UDP, perhaps, does not carry the reply.
void Exchange::PlanProof() {
  const Way& way = errand_.ways.front();
  due_.push_back({way, begun_});
  if (!way.tcp && kdcs_.Has(way.ByTcp())) {
    due_.push_back({way.ByTcp(), begun_ + kProofByTcp});
  }
}

Clock::duration Exchange::HeadStart(const Way& way) {
  return std::clamp<Clock::duration>(3 * kdcs_.HealthOf(way).delay, kHeadStart,
                                     kMostHeadStart);
}

// Also what would be next, where nothing is left that could still answer.
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
  Note("kpass asks", way);
  kdcs_.Asked(way, now);
  const Clock::duration repeat = errand_.proof ? kRepeatProof : kRepeat;
  attempts_.push_back(
      std::make_unique<Attempt>(way, errand_.message, repeat, now));
  if (attempts_.back()->state() == Attempt::State::kOver) kdcs_.Silent(way);
}

void Exchange::RepeatDue(Clock::time_point now) {
  for (const auto& attempt : attempts_) {
    if (attempt->state() != Attempt::State::kWaiting) continue;
    if (!IsToRepeat(*attempt, now)) continue;
    Note("kpass asks again", attempt->way());
    kdcs_.Asked(attempt->way(), now);
    attempt->Send(now);
  }
}

bool Exchange::IsToRepeat(const Attempt& attempt, Clock::time_point now) {
  if (attempt.taken()) return false;
  if (errand_.proof) return now >= attempt.again() && !IsTaken();
  if (now >= attempt.again()) return true;
  Health health = kdcs_.HealthOf(attempt.way());
  if (health.back > attempt.sent_at()) return true;
  if (health.state != Health::State::kSilent) {
    if (now - Heard(attempt, health) < kSilence) return false;
    kdcs_.Silent(attempt.way());
  }
  return !attempt.way().tcp && now - health.asked >= kProbe;
}

Clock::time_point Exchange::Heard(const Attempt& attempt,
                                  const Health& health) const {
  return std::max(health.answered, attempt.begun());
}

// For something to happen. False: interrupted.
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
    // Others may hear of it first.
    const Health health = kdcs_.HealthOf(attempt->way());
    const bool silent = health.state == Health::State::kSilent;
    until = std::min(until,
                     silent ? now + kLook : Heard(*attempt, health) + kSilence);
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
      kdcs_.Silent(attempt->way());
    } else if (attempt->state() == Attempt::State::kReplied &&
               IsReply(*attempt, now)) {
      return attempt.get();
    }
  }
  return nullptr;
}

// Not if a KDC says that it is unwell, so that another one is asked; nor if one
// says by UDP that its answer is too big for that.
bool Exchange::IsReply(Attempt& attempt, Clock::time_point now) {
  const Way way = attempt.way();
  Note("kpass is answered by", way);
  const auto error = ErrorCode(attempt.reply());
  if (error == kServiceUnavailable) {
    unwell_ = true;
    attempt.GiveUp();
    kdcs_.Silent(way);
    return false;
  }
  kdcs_.Answered(way, attempt.sent_at(), now);
  if (error != kResponseTooBig || way.tcp || !kdcs_.Has(way.ByTcp()))
    return true;
  attempt.GiveUp();
  due_.clear();
  due_.push_back({way.ByTcp(), now});
  return false;
}

// Who had a head start on the winner, and did not use it, comes after it the
// next time.
void Exchange::NoteOvertaken(const Attempt& winner) {
  for (const auto& attempt : attempts_) {
    if (attempt->state() != Attempt::State::kWaiting) continue;
    const Health health = kdcs_.HealthOf(attempt->way());
    if (health.answered < attempt->begun() &&
        attempt->begun() + HeadStart(attempt->way()) <= winner.begun()) {
      kdcs_.Silent(attempt->way());
    }
  }
}

// Whether a KDC has accepted a connection for it.
bool Exchange::IsTaken() const {
  return std::any_of(attempts_.begin(), attempts_.end(), [](const auto& each) {
    return each->state() == Attempt::State::kWaiting && each->taken();
  });
}

bool Exchange::IsOpen() const {
  return std::any_of(attempts_.begin(), attempts_.end(), [](const auto& each) {
    return each->state() == Attempt::State::kWaiting;
  });
}

krb5_error_code Exchange::Failure() const {
  for (const auto& attempt : attempts_) {
    if (attempt->error() != 0) return attempt->error();
  }
  return unwell_ ? KRB5KDC_ERR_SVC_UNAVAILABLE : KRB5_KDC_UNREACH;
}

void Exchange::Note(const char* what, const Way& way) {
  if (note_) note_(std::string(what) + ' ' + way.Text());
}

Clock::duration PatienceOf(const KeptContext& kept) {
  const seconds configured = kept.Duration("request_timeout", kPatience);
  return configured > seconds{0} ? configured : kPatience;
}

size_t MostUdpOf(const KeptContext& kept) {
  const int configured = kept.Number("udp_preference_limit", kMostUdp);
  return static_cast<size_t>(
      configured < 0 ? kMostUdp : std::min(configured, kHardMostUdp));
}

}  // namespace

Interrupt::Interrupt() : wakeup_(OpenWakeup()) {}

Interrupt::~Interrupt() { CloseWakeup(wakeup_); }

void Interrupt::Raise() const {
  const uint64_t once = 1;
  if (write(wakeup_.raise, &once, sizeof once) < 0) return;  // raised already
}

Transport::Transport(const KeptContext& kept, const Interrupt& interrupt,
                     Note note)
    : kept_(kept),
      interrupt_(interrupt),
      note_(std::move(note)),
      patience_(PatienceOf(kept)),
      most_udp_(MostUdpOf(kept)) {}

void Transport::BeginTry() {
  kdc_.reset();
  failed_ = false;
}

std::optional<Delivery> Transport::Carry(const std::string& realm,
                                         std::string_view message) {
  if (interrupt_.fd() < 0) return Delivery{EMFILE, {}, {}};
  const Ref<Kdcs> kdcs = Kdcs::For(Site::Of(kept_, realm, /*primary=*/false));
  if (!kdcs->Resolve()) return std::nullopt;
  if (!Is(MessageType::kAsReq, message)) return Race(*kdcs, message, patience_);
  // libkrb5 begins anew at the primary KDC, which has been asked. Told that no
  // KDC answers, it returns the first error.
  if (failed_) return Delivery{KRB5_KDC_UNREACH, {}, {}};
  Delivery delivery = MayProvePassword(message)
                          ? CarryProof(*kdcs, message)
                          : CarryUnproven(realm, *kdcs, message);
  failed_ = EndsInError(delivery.reply);
  return delivery;
}

Delivery Transport::Race(Kdcs& kdcs, std::string_view message,
                         Clock::duration patience) {
  const Errand errand{message, patience, kdcs.Ways(Large(message))};
  return Exchange(kdcs, errand, interrupt_, note_).Run();
}

Delivery Transport::CarryUnproven(const std::string& realm, Kdcs& kdcs,
                                  std::string_view message) {
  Delivery delivery = Race(kdcs, message, patience_);
  if (EndsInError(delivery.reply)) AskPrimary(realm, message, &delivery);
  if (delivery.code == 0) kdc_ = delivery.way;
  return delivery;
}

// To one KDC, whatever happens: to whoever asked for it.
Delivery Transport::CarryProof(Kdcs& kdcs, std::string_view message) {
  Errand errand{message, patience_, {}, /*proof=*/true};
  if (!kdc_) {
    const std::vector<Way> ways = kdcs.Ways(Large(message));
    if (ways.empty()) return {KRB5_KDC_UNREACH, {}, {}};
    kdc_ = ways.front();
  }
  const bool by_tcp = Large(message) && kdcs.Has(kdc_->ByTcp());
  errand.ways = {by_tcp ? kdc_->ByTcp() : *kdc_};
  return Exchange(kdcs, errand, interrupt_, note_).Run();
}

// A replica may not have heard of a new user, a new password, an unlocking.
void Transport::AskPrimary(const std::string& realm, std::string_view message,
                           Delivery* delivery) {
  const Ref<Kdcs> primary = Kdcs::For(Site::Of(kept_, realm, /*primary=*/true));
  if (!primary->Resolve() || primary->HasAddress(delivery->way)) return;
  Delivery second =
      Race(*primary, message,
           std::min<Clock::duration>(patience_, kPatienceForPrimary));
  if (second.code == 0) *delivery = std::move(second);
}

bool Transport::Large(std::string_view message) const {
  return message.size() > most_udp_;
}

}  // namespace kpass
