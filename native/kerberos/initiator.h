// The client's side of Negotiate, for the command `kpass check --negotiate`: a
// token made of a ticket in the caller's own credential cache, as a browser or
// curl makes it.
//
// The function makes a context of its own and holds its thread until it is
// done. That suits a command, and not a server.

#ifndef KPASS_INITIATOR_H_
#define KPASS_INITIATOR_H_

#include <string>

#include "base/report.h"
#include "kerberos/settings.h"

namespace kpass {

struct TokenReport : NativeReport {
  std::string token;    // empty after a failure
  std::string client;   // the principal that has the tickets, once known
  std::string service;  // the service's principal, once known
  std::string cache;    // the cache's whole name, such as 'FILE:/tmp/krb5cc_0'
};

// Takes a ticket for the service from the default cache, or asks the KDC for
// one and keeps it there.
TokenReport MakeToken(const Settings& settings);

}  // namespace kpass

#endif  // KPASS_INITIATOR_H_
