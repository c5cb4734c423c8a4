#include "net/password_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/platform.h"
#include "net/attempt.h"
#include "net/dns.h"
#include "net/host_string.h"
#include "net/site.h"

namespace kpass {
namespace {

using std::chrono::milliseconds;

constexpr uint16_t kPort = 464;

void AddWays(const std::string& host, uint16_t port, std::vector<Way>* ways) {
  for (const Way& each : ResolveHost(host, port)) {
    const Way way = each.ByTcp();
    if (std::find(ways->begin(), ways->end(), way) == ways->end()) {
      ways->push_back(way);
    }
  }
}

// The servers that krb5.conf names with this tag. `any_port`: the port in
// krb5.conf belongs to another service. Returns whether it names some.
bool AddNamed(const KeptContext& kept, const std::string& realm,
              const char* tag, bool any_port, PasswordServers* servers) {
  const std::vector<std::string> values = kept.List("realms", realm, tag);
  for (const std::string& value : values) {
    const HostString read = ReadHostString(value, kPort);
    if (read.kind == HostString::Kind::kHost) {
      AddWays(read.host, any_port ? kPort : read.port, &servers->ways);
    } else {
      servers->mistake =
          std::string(tag) + " = " + value + " in realm " + realm;
    }
  }
  return !values.empty();
}

}  // namespace

PasswordServers FindPasswordServers(const KeptContext& kept,
                                    const std::string& realm) {
  PasswordServers servers;
  if (AddNamed(kept, realm, "kpasswd_server", /*any_port=*/false, &servers)) {
    return servers;
  }
  const bool dns = Site::Of(kept, realm, /*primary=*/false).dns;
  if (dns) {
    for (const DnsKdc& each : LookUpByTcp("_kpasswd", realm).kdcs) {
      AddWays(each.host, each.port, &servers.ways);
    }
    if (!servers.ways.empty()) return servers;
  }
  if (AddNamed(kept, realm, "admin_server", /*any_port=*/true, &servers) ||
      !dns) {
    return servers;
  }
  for (const DnsKdc& each : LookUpByTcp("_kerberos-adm", realm).kdcs) {
    AddWays(each.host, kPort, &servers.ways);
  }
  return servers;
}

// Connecting a UDP socket chooses the address, and sends nothing.
std::optional<sockaddr_storage> LocalAddressFor(const Way& way) {
  const int fd = OpenSocket(way.address.ss_family, SOCK_DGRAM);
  if (fd < 0) return std::nullopt;
  sockaddr_storage local = {};
  socklen_t length = sizeof local;
  const bool found =
      connect(fd, reinterpret_cast<const sockaddr*>(&way.address),
              way.length) == 0 &&
      getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) == 0;
  close(fd);
  if (!found) return std::nullopt;
  return local;
}

PasswordExchange::Result PasswordExchange::Run(const Way& way,
                                               std::string_view message,
                                               Clock::duration patience,
                                               const MaySend& may_send,
                                               std::string* reply) {
  if (log_) log_("kpass asks " + way.Text() + " to change the password");
  const auto begun = Clock::now();
  Attempt attempt(way, message, Clock::duration::max() / 2, begun);
  bool sent = false;
  while (attempt.state() == Attempt::State::kWaiting) {
    int wait = -1;
    if (!sent) {
      const auto left = begun + patience - Clock::now();
      if (left <= Clock::duration{}) return Result::kSilent;
      wait = static_cast<int>(std::chrono::ceil<milliseconds>(left).count());
    }
    pollfd polled[] = {{interrupt_.fd(), POLLIN, 0}, attempt.Poll()};
    (void)poll(polled, std::size(polled), wait);
    if (polled[0].revents != 0) return sent ? Result::kLost : Result::kStopped;
    const short ready = polled[1].revents;
    if (ready == 0) continue;
    const bool connected =
        (ready & POLLOUT) != 0 && (ready & (POLLERR | POLLHUP)) == 0;
    if (!sent && connected) {
      if (!may_send()) return Result::kStopped;
      sent = true;
    }
    attempt.Advance();
  }
  if (attempt.state() == Attempt::State::kReplied) {
    if (log_) log_("kpass is answered by " + way.Text());
    *reply = attempt.reply();
    return Result::kReplied;
  }
  return sent ? Result::kLost : Result::kRefused;
}

}  // namespace kpass
