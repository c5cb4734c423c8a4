// The servers that change passwords, and an exchange with one of them.
//
// https://web.mit.edu/kerberos/krb5-latest/doc/admin/conf_files/krb5_conf.html:
// kpasswd_server, admin_server; RFC 3244: the exchange.

#ifndef KPASS_PASSWORD_SERVER_H_
#define KPASS_PASSWORD_SERVER_H_

#include <krb5/krb5.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "net/exchange.h"
#include "net/interrupt.h"
#include "net/kdcs.h"

namespace kpass {

struct PasswordServers {
  std::vector<Way> ways;  // by TCP, the best first
  // A value in krb5.conf that libkrb5 refuses, or that only libkrb5 can reach:
  // 'kpasswd_server = host:x in realm EXAMPLE.COM'. Empty: there is none.
  std::string mistake;
};

// Finds the servers where libkrb5 finds them: kpasswd_server, or else DNS, or
// else port 464 of admin_server. Does not ask a locator plug-in, and does not
// read URI records. May wait for DNS.
PasswordServers FindPasswordServers(const KeptContext& kept,
                                    const std::string& realm);

// This machine's address, as a server there sees it, unless there is NAT.
// Nothing: there is no way to that address.
std::optional<sockaddr_storage> LocalAddressFor(const Way& way);

// Sends a message once, and waits for the reply. It goes by TCP alone: a
// datagram may get lost, and a server takes a repeated one for a replay.
class PasswordExchange {
 public:
  enum class Result {
    kReplied,
    kSilent,   // nothing was sent: the server did not answer in time
    kRefused,  // nothing was sent: there is no such server
    kStopped,  // nothing was sent: interrupted, or `may_send` said no
    kLost,     // the server may have read the message, and did not answer
  };

  // Called once, right before the first byte leaves. Returns whether it may.
  using MaySend = std::function<bool()>;

  // All of these must outlive the exchange.
  PasswordExchange(const Interrupt& interrupt, const MessageLog& log)
      : interrupt_(interrupt), log_(log) {}

  // Holds the thread. `patience` is for the connection only: once the message
  // is sent, only the reply, the connection's end or an interrupt ends the
  // wait.
  Result Run(const Way& way, std::string_view message, Clock::duration patience,
             const MaySend& may_send, std::string* reply);

 private:
  const Interrupt& interrupt_;
  const MessageLog& log_;
};

}  // namespace kpass

#endif  // KPASS_PASSWORD_SERVER_H_
