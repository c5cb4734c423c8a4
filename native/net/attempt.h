// An attempt: one message on one way, from its first datagram or connection to
// the reply. It owns a socket that never blocks.
//
// RFC 4120, 7.2: UDP and TCP.

#ifndef KPASS_ATTEMPT_H_
#define KPASS_ATTEMPT_H_

#include <poll.h>

#include <string>
#include <string_view>

#include "net/kdcs.h"

namespace kpass {

class Attempt {
 public:
  enum class State { kWaiting, kReplied, kOver };

  // Sends the message. It is due again after `repeat`, then after twice that
  // time, and so on: the caller asks again() and calls Send().
  Attempt(const Way& way, std::string_view message, Clock::duration repeat,
          Clock::time_point now);
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() { Close(); }

  // Sends the message once more: another datagram, or a new connection.
  void Send(Clock::time_point now);

  // Writes and reads as much as the socket takes and has now.
  void Advance();

  // Ends the attempt. `error`: errno, if the system refused a socket.
  void GiveUp(int error = 0);

  // What poll() must wait for.
  pollfd Poll() const;

  State state() const { return state_; }
  const Way& way() const { return way_; }
  const std::string& reply() const { return reply_; }
  int error() const { return error_; }
  // Whether the KDC took a part of the message by TCP: then the KDC is there.
  bool taken() const { return way_.tcp && written_ > 0; }
  Clock::time_point begun() const { return begun_; }
  Clock::time_point sent_at() const { return sent_at_; }
  Clock::time_point again() const { return again_; }

 private:
  void Open();
  void Write();
  void Read() { way_.tcp ? ReadStream() : ReadDatagram(); }
  void ReadDatagram();
  void ReadStream();
  void HandleSocketError();
  void Close();

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

}  // namespace kpass

#endif  // KPASS_ATTEMPT_H_
