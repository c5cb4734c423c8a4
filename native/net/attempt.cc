#include "net/attempt.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/platform.h"

namespace kpass {
namespace {

// RFC 4120, 7.2.2: by TCP, four bytes with the message's length come first.
constexpr size_t kFrame = 4;

// libkrb5's own bound. A ticket may hold the thousand groups of an AD user.
constexpr size_t kMostReply = size_t{1024} * 1024;

}  // namespace

Attempt::Attempt(const Way& way, std::string_view message,
                 Clock::duration repeat, Clock::time_point now)
    : way_(way), begun_(now), repeat_(repeat) {
  if (way.tcp) {
    for (const int shift : {24, 16, 8, 0}) {
      out_ += static_cast<char>(message.size() >> shift & 0xff);
    }
  }
  out_ += message;
  Send(now);
}

void Attempt::Send(Clock::time_point now) {
  if (now >= again_ && fd_ >= 0) repeat_ *= 2;
  sent_at_ = now;
  again_ = now + repeat_;
  if (way_.tcp) Close();
  if (fd_ < 0) Open();
  if (fd_ >= 0 && !way_.tcp) Write();
}

void Attempt::Advance() {
  if (state_ != State::kWaiting) return;
  if (written_ < out_.size()) Write();
  if (state_ == State::kWaiting && written_ == out_.size()) Read();
}

void Attempt::GiveUp(int error) {
  state_ = State::kOver;
  error_ = error;
  Close();
}

pollfd Attempt::Poll() const {
  const short events = written_ < out_.size() ? POLLOUT : POLLIN;
  return {fd_, events, 0};
}

void Attempt::Open() {
  written_ = 0;
  reply_.clear();
  fd_ = OpenSocket(way_.address.ss_family, way_.tcp ? SOCK_STREAM : SOCK_DGRAM);
  if (fd_ < 0) return GiveUp(errno);
  // A UDP socket is connected as well. The kernel then drops datagrams from
  // other addresses, and reports a port where nobody listens.
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&way_.address),
              way_.length) != 0 &&
      errno != EINPROGRESS) {
    GiveUp();
  }
}

void Attempt::Write() {
  if (!way_.tcp) written_ = 0;
  const ssize_t count =
      SendQuietly(fd_, out_.data() + written_, out_.size() - written_);
  if (count < 0) return HandleSocketError();
  written_ += static_cast<size_t>(count);
}

void Attempt::ReadDatagram() {
  const ssize_t room = RoomForDatagram(fd_);
  if (room < 0) return HandleSocketError();
  reply_.resize(static_cast<size_t>(room));
  const ssize_t size = recv(fd_, reply_.data(), reply_.size(), 0);
  if (size < 0) return HandleSocketError();
  reply_.resize(static_cast<size_t>(size));
  if (!reply_.empty()) state_ = State::kReplied;
}

void Attempt::ReadStream() {
  char bytes[4096];
  for (;;) {
    const ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
    if (count < 0) return HandleSocketError();
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

// macOS reports ENOTCONN for a TCP socket that is still connecting.
void Attempt::HandleSocketError() {
  if (errno != EAGAIN && errno != EINTR && errno != ENOTCONN) GiveUp();
}

void Attempt::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace kpass
