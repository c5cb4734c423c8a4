// What the command `kpass doctor` asks of libkrb5 beside a verification: what
// krb5.conf says, what the keytab holds, and whether its key is the KDC's.
//
// Each call has a context of its own and comes back when it is done: a command
// has nothing else to do meanwhile. A server has, and calls none of these.

#ifndef KPASS_KEYTAB_LOGIN_H_
#define KPASS_KEYTAB_LOGIN_H_

#include <krb5/krb5.h>

#include <string>
#include <vector>

#include "kerberos/verify.h"

namespace kpass {

// The call or stage that failed; code 0 and an empty step where none did.
struct Finding {
  const char* step = "";
  krb5_error_code code = 0;
  std::string message;
};

struct ConfigFinding : Finding {
  std::string values;  // with a comma between
};

// The values of [section] name tag, or of [section] name where `tag` is null.
ConfigFinding ReadConfig(const Config& config, const char* section,
                         const char* name, const char* tag);

struct KeytabKey {
  std::string principal;
  krb5_kvno version = 0;
  std::string enctype;
};

struct KeytabFinding : Finding {
  std::string keytab;  // its whole name, as libkrb5 knows it
  std::vector<KeytabKey> keys;
};

// What the keytab of `settings` holds, in its order. With an error, what was
// read before it.
KeytabFinding ReadKeytab(const Settings& settings);

struct LoginFinding : Finding {
  krb5_kvno version = 0;  // of the key that the KDC made the ticket with, or 0
  std::string enctype;    // of the same
  Trace trace;
};

// Logs the service in with the key in its keytab, for a ticket for itself, and
// verifies that ticket as a user's is verified. A KDC whose policy refuses such
// a ticket is asked for a TGT: then only the key is proved, and no version.
LoginFinding LogInWithKeytab(const Settings& settings,
                             const std::string& service);

}  // namespace kpass

#endif  // KPASS_KEYTAB_LOGIN_H_
