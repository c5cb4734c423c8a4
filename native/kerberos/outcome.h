// The result of a verification.

#ifndef KPASS_OUTCOME_H_
#define KPASS_OUTCOME_H_

#include <string>
#include <vector>

#include "base/report.h"
#include "kerberos/trace.h"

namespace kpass {

// The KDCs that a verification has asked, and the service.
struct Asked {
  std::string service;              // the service's principal, once known
  std::vector<std::string> realms;  // of the KDCs asked: the user's first
  std::vector<std::string> kdcs;    // of those realms, as krb5.conf names them
  Trace trace;                      // empty unless asked for
  bool proof_left = false;  // a message that may prove the password has left
  // Of a change: the password servers asked, and whether a new password has
  // left for one of them.
  std::vector<std::string> password_servers;
  bool sent = false;
};

// The report says why the password was not verified.
struct Outcome : NativeReport {
  bool verified = false;
  std::string principal;        // verified: the client, as the ticket names it
  std::string realm;            // verified: the client's realm in the ticket
  std::string keytab;           // the keytab's whole name, once known
  bool keytab_exposed = false;  // see Service::keytab_exposed()
  bool armored = false;         // the login was asked for under armor
  bool by_token = false;        // the KDC got the value of a token
  std::string armor_missing;    // why not, if it is to be told; else empty
  Asked asked;
};

}  // namespace kpass

#endif  // KPASS_OUTCOME_H_
