// A simulated network with one KDC behind all of its addresses. kpass's
// transport reaches it through its sockets. For libkrb5's transport the stage
// asks it directly. The weather decides how messages get lost or late. Nothing
// really waits: poll() moves the clock forward when nothing is ready.

#ifndef KPASS_FUZZ_NETWORK_H_
#define KPASS_FUZZ_NETWORK_H_

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace kpass::fuzz {

// The weather: what happens to messages on their way. Any byte is valid.
class Weather {
 public:
  explicit Weather(uint8_t bits) : bits_(bits) {}

  bool OwnTransport() const { return (bits_ & 1) == 0; }
  bool UdpRefused() const { return (bits_ & 6) == 2; }
  bool UdpLost() const { return (bits_ & 6) == 4; }
  bool FirstAddressLost() const { return (bits_ & 6) == 6; }
  // The delay of a reply, in milliseconds. 150 exceeds the head start of a way.
  // 2500 exceeds the time before a repetition.
  int64_t Delay() const {
    constexpr int64_t kDelays[] = {0, 0, 150, 2500};
    return kDelays[bits_ >> 3 & 3];
  }
  // By TCP: the most bytes that are sent or received at once.
  size_t Piece() const {
    constexpr size_t kPieces[] = {SIZE_MAX, 1, 3, 1000};
    return kPieces[bits_ >> 5 & 3];
  }
  // By TCP: the length before a reply is wrong.
  bool Misframed() const { return (bits_ & 0x80) != 0; }

 private:
  uint8_t bits_;
};

class Network {
 public:
  // Gives the reply to each message, or nothing if the port is closed.
  using Kdc =
      std::function<std::optional<std::string>(std::string_view message)>;

  static constexpr int kFirst = 1 << 20;  // above the kernel's descriptors

  // Null: the real network is used.
  void Use(Kdc kdc, Weather weather) {
    kdc_ = std::move(kdc);
    weather_ = weather;
    reached_.clear();
  }
  bool IsThere() const { return kdc_ != nullptr; }
  bool Has(int fd) const { return fd >= kFirst && sockets_.count(fd) != 0; }
  size_t Sockets() const { return sockets_.size(); }
  int64_t Milliseconds() const { return now_; }

  // The addresses that each message reached.
  const std::map<std::string, std::set<std::string>>& Reached() const {
    return reached_;
  }

  // Until the next BeginExchange(), a repeated message gets the same answer
  // again.
  void BeginExchange() { asked_ = false; }

  const std::optional<std::string>& Answer(std::string_view message) {
    if (!asked_) reply_ = kdc_(message);
    asked_ = true;
    return reply_;
  }

  // --- As the kernel's functions ---------------------------------------------

  int Open(int type) {
    const int fd = next_++;
    sockets_[fd].tcp = (type & SOCK_STREAM) != 0;
    return fd;
  }

  int Connect(int fd, const sockaddr* address, socklen_t size) {
    Socket& socket = sockets_.at(fd);
    socket.address.assign(reinterpret_cast<const char*>(address), size);
    if (first_.empty()) first_ = socket.address;
    return socket.tcp ? Fails(EINPROGRESS) : 0;
  }

  ssize_t Send(int fd, const char* bytes, size_t size) {
    Socket& socket = sockets_.at(fd);
    const size_t taken = socket.tcp ? std::min(size, weather_.Piece()) : size;
    if (!socket.tcp) socket.out.clear();
    socket.out.append(bytes, taken);
    if (!socket.tcp) {
      Deliver(&socket, socket.out);
    } else if (socket.out.size() >= kFrame &&
               socket.out.size() == kFrame + LengthIn(socket.out)) {
      Deliver(&socket, socket.out.substr(kFrame));
    }
    return static_cast<ssize_t>(taken);
  }

  ssize_t Receive(int fd, char* bytes, size_t size, int flags) {
    Socket& socket = sockets_.at(fd);
    if (!IsReadable(socket)) return Fails(EAGAIN);
    if (socket.refused) return Fails(ECONNREFUSED);
    const size_t whole = socket.in.size();
    size_t count = std::min(size, whole);
    if (socket.tcp) count = std::min(count, weather_.Piece());
    std::copy_n(socket.in.begin(), count, bytes);
    if ((flags & MSG_PEEK) == 0) {
      socket.in.erase(0, socket.tcp ? count : whole);
      if (!socket.tcp) socket.ready.reset();
    }
    const bool tells = !socket.tcp && (flags & MSG_TRUNC) != 0;
    return static_cast<ssize_t>(tells ? whole : count);
  }

  // `timeout` is in milliseconds; -1 means none. Returns false if nothing will
  // ever be ready.
  bool Poll(pollfd* polled, nfds_t count, int timeout, int* ready) {
    const int64_t deadline = timeout < 0 ? INT64_MAX : now_ + timeout;
    for (;;) {
      *ready = 0;
      int64_t next = deadline;
      for (nfds_t i = 0; i < count; ++i) {
        if (!Has(polled[i].fd)) continue;
        const Socket& socket = sockets_.at(polled[i].fd);
        const int readable = IsReadable(socket) ? POLLIN : 0;
        polled[i].revents =
            static_cast<short>(polled[i].events & (POLLOUT | readable));
        if (polled[i].revents != 0) ++*ready;
        if (socket.ready && *socket.ready > now_) {
          next = std::min(next, *socket.ready);
        }
      }
      if (*ready > 0 || now_ >= deadline) return true;
      if (next == INT64_MAX) return false;
      now_ = next;
    }
  }

  void Close(int fd) { sockets_.erase(fd); }

 private:
  static constexpr size_t kFrame = 4;

  struct Socket {
    bool tcp = false;
    bool refused = false;
    std::string address;
    std::string out, in;
    // The time when bytes, or the end of a stream, can be read.
    std::optional<int64_t> ready;
  };

  static int Fails(int code) {
    errno = code;
    return -1;
  }

  static size_t LengthIn(const std::string& bytes) {
    size_t length = 0;
    for (size_t i = 0; i < kFrame; ++i) {
      length = length << 8 | static_cast<unsigned char>(bytes[i]);
    }
    return length;
  }

  bool IsReadable(const Socket& socket) const {
    return socket.ready && *socket.ready <= now_;
  }

  bool IsLost(const Socket& socket) const {
    if (weather_.FirstAddressLost() && socket.address == first_) return true;
    return weather_.UdpLost() && !socket.tcp;
  }

  void Deliver(Socket* socket, const std::string& message) {
    if (IsLost(*socket)) return;
    socket->ready = now_;
    socket->refused = weather_.UdpRefused() && !socket->tcp;
    if (socket->refused) return;
    reached_[message].insert(socket->address);
    const std::optional<std::string>& reply = Answer(message);
    socket->refused = !reply;
    if (!reply) return;
    *socket->ready += weather_.Delay();
    socket->in = socket->tcp ? Framed(*reply) : *reply;
  }

  std::string Framed(const std::string& reply) const {
    const size_t length =
        weather_.Misframed() ? reply.size() * 3 / 2 : reply.size();
    std::string bytes;
    for (const int shift : {24, 16, 8, 0}) {
      bytes += static_cast<char>(length >> shift & 0xff);
    }
    return bytes + reply;
  }

  Kdc kdc_;
  Weather weather_{0};
  std::map<int, Socket> sockets_;
  int next_ = kFirst;
  int64_t now_ = 0;
  std::string first_;  // the first address that was ever tried
  bool asked_ = false;
  std::optional<std::string> reply_;
  std::map<std::string, std::set<std::string>> reached_;
};

}  // namespace kpass::fuzz

#endif  // KPASS_FUZZ_NETWORK_H_
