// An exchange: everything that is done to get one reply to one message. It
// decides which ways to try, when, and how often.
//
// A message without proof of the password is raced: several KDCs may get it.
// A message with proof goes to one KDC, because each KDC counts each wrong
// password that it sees.

#ifndef KPASS_EXCHANGE_H_
#define KPASS_EXCHANGE_H_

#include <krb5/krb5.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/attempt.h"
#include "net/interrupt.h"
#include "net/kdcs.h"
#include "net/message.h"

namespace kpass {

// Gets a line for each message sent or received. May be null.
using MessageLog = std::function<void(const std::string& line)>;

// An errand: one message, and how it may be carried.
struct Errand {
  std::string_view message;
  Clock::duration patience;  // after this the exchange gives up
  // The ways to race. With proof, only the first one counts.
  std::vector<Way> ways;
  bool proof = false;  // the message may prove the password
};

struct Delivery {
  // 0; or KRB5_KDC_UNREACH: no KDC answered, or the wait was interrupted;
  // or KRB5KDC_ERR_SVC_UNAVAILABLE: a KDC said that it cannot answer;
  // or errno.
  krb5_error_code code = 0;
  std::string reply;
  Way way;                                 // the way of the reply
  RequestKind kind = RequestKind::kOther;  // of the message; Transport sets it
};

class Exchange {
 public:
  // All of these must outlive the Exchange.
  Exchange(Kdcs& kdcs, const Errand& errand, const Interrupt& interrupt,
           const MessageLog& log)
      : kdcs_(kdcs),
        errand_(errand),
        interrupt_(interrupt),
        log_(log),
        begun_(Clock::now()) {}

  // Holds the thread until there is a reply, or none can come.
  Delivery Run();

 private:
  // A way, and when to start it unless there is a reply before.
  struct Due {
    Way way;
    Clock::time_point when;
  };

  void PlanRace();
  void PlanProof();
  void Start(const Way& way, Clock::time_point now);
  void StartDue(Clock::time_point now);
  void RepeatDue(Clock::time_point now);
  bool MarkSilentAndDue(const Attempt& attempt, Clock::time_point now);
  bool Wait(Clock::time_point now);
  const Attempt* Receive(Clock::time_point now);
  bool AcceptReply(Attempt& attempt, Clock::time_point now);
  void MarkOvertakenSilent(const Attempt& winner);
  Clock::duration HeadStart(const Way& way);
  bool IsTaken() const;
  bool IsOpen() const;
  krb5_error_code Failure() const;
  void Log(const char* event, const Way& way);

  Kdcs& kdcs_;
  const Errand& errand_;
  const Interrupt& interrupt_;
  const MessageLog& log_;
  const Clock::time_point begun_;
  std::vector<Due> due_;  // the earliest first
  std::vector<std::unique_ptr<Attempt>> attempts_;
  bool unavailable_ = false;  // a KDC said that it cannot answer
};

}  // namespace kpass

#endif  // KPASS_EXCHANGE_H_
