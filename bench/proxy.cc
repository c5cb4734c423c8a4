// The network between a benchmark's subjects and a KDC on loopback. It carries
// UDP and TCP on one port, and delays replies. It is a process of its own, in
// C++, so that its own cost does not distort the figures. It uses a thread for
// each message: that is simple, and cheap compared with a login.
//
//   proxy KDC_PORT
//
// It prints its own port. Each line on stdin is a number, which the proxy
// acknowledges with an empty line. From then on the number is the delay of each
// reply in ms. -1 means silence: the proxy drops all messages, and keeps TCP
// connections open without a reply. It ends when stdin ends.

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

namespace {

constexpr int kBacklog = 1024;
constexpr size_t kMostDatagram = 65536;
// Large enough for 1,000 requests at once.
constexpr int kReceiveBuffer = 1 << 22;
// An overloaded KDC drops messages, so no thread waits forever.
constexpr timeval kPatience{10, 0};

std::atomic<int> delay{0};

bool Silent() { return delay < 0; }

void Delay() { std::this_thread::sleep_for(std::chrono::milliseconds(delay)); }

void Require(bool held, const char *what) {
  if (held) return;
  perror(what);
  _exit(1);
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

sockaddr *Generic(sockaddr_in *address) {
  return reinterpret_cast<sockaddr *>(address);
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) { Require(fd >= 0, "socket"); }
  explicit Socket(int type, int port) : Socket(socket(AF_INET, type, 0)) {
    sockaddr_in address = Loopback(port);
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
    // If this fails, the calls that follow fail as well.
    connect(fd_, Generic(&address), sizeof(address));
  }
  Socket(const Socket &) = delete;
  Socket &operator=(const Socket &) = delete;
  ~Socket() { close(fd_); }

  void Send(const std::string &bytes) const {
    send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  // Returns an empty text after a refusal, at the stream's end, or after
  // kPatience.
  std::string Receive(size_t most, int flags) const {
    std::string bytes(most, '\0');
    const ssize_t size = recv(fd_, bytes.data(), most, flags);
    bytes.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return bytes;
  }

  // A message over TCP follows its length in four bytes (RFC 4120, 7.2.2).
  std::string ReceiveFrame() const {
    const std::string head = Receive(4, MSG_WAITALL);
    if (head.size() < 4) return "";
    uint32_t size;
    head.copy(reinterpret_cast<char *>(&size), sizeof(size));
    return head + Receive(ntohl(size), MSG_WAITALL);
  }

 private:
  const int fd_;
};

void CarryDatagram(int server, int kdc_port, sockaddr_in client,
                   const std::string &request) {
  const Socket kdc(SOCK_DGRAM, kdc_port);
  kdc.Send(request);
  const std::string reply = kdc.Receive(kMostDatagram, 0);
  if (reply.empty()) return;
  Delay();
  sendto(server, reply.data(), reply.size(), 0, Generic(&client),
         sizeof(client));
}

void CarryConnection(int fd, int kdc_port) {
  const Socket client(fd);
  for (std::string message;;) {
    message = client.ReceiveFrame();
    if (message.empty()) return;
    if (Silent()) continue;
    const Socket kdc(SOCK_STREAM, kdc_port);
    kdc.Send(message);
    message = kdc.ReceiveFrame();
    if (message.empty()) return;
    Delay();
    client.Send(message);
  }
}

void ServeUdp(int server, int kdc_port) {
  for (;;) {
    std::string bytes(kMostDatagram, '\0');
    sockaddr_in client;
    socklen_t length = sizeof(client);
    const ssize_t size = recvfrom(server, bytes.data(), bytes.size(), 0,
                                  Generic(&client), &length);
    if (size < 0 || Silent()) continue;
    bytes.resize(static_cast<size_t>(size));
    bytes.shrink_to_fit();
    std::thread(CarryDatagram, server, kdc_port, client, std::move(bytes))
        .detach();
  }
}

void ServeTcp(int server, int kdc_port) {
  for (;;) {
    const int client = accept(server, nullptr, nullptr);
    if (client >= 0) std::thread(CarryConnection, client, kdc_port).detach();
  }
}

// The kernel picks a free TCP port. If that UDP port is taken, it picks again.
int Listen(int *udp, int *tcp) {
  for (;;) {
    *tcp = socket(AF_INET, SOCK_STREAM, 0);
    *udp = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof(address);
    Require(bind(*tcp, Generic(&address), size) == 0, "bind");
    Require(listen(*tcp, kBacklog) == 0, "listen");
    getsockname(*tcp, Generic(&address), &size);
    if (bind(*udp, Generic(&address), size) == 0) {
      return ntohs(address.sin_port);
    }
    close(*tcp);
    close(*udp);
  }
}

void Say(const char *line) {
  puts(line);
  fflush(stdout);
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: see the head of bench/proxy.cc\n", stderr);
    return 2;
  }
  rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  const int kdc_port = std::atoi(argv[1]);
  int udp;
  int tcp;
  Say(std::to_string(Listen(&udp, &tcp)).c_str());
  setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer,
             sizeof(kReceiveBuffer));
  std::thread(ServeUdp, udp, kdc_port).detach();
  std::thread(ServeTcp, tcp, kdc_port).detach();
  for (int milliseconds; scanf("%d", &milliseconds) == 1;) {
    delay = milliseconds;
    Say("");
  }
  _exit(0);  // threads may still carry messages
}
