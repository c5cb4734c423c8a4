// The principal of the user who logs in.

#ifndef KPASS_USER_H_
#define KPASS_USER_H_

#include <krb5/krb5.h>

#include <string>
#include <vector>

#include "base/krb5_ptr.h"
#include "base/report.h"

namespace kpass {

// Reads a user's name: 'alice', 'alice/admin' or 'alice@REALM', in UTF-8. A
// name without a realm gets the service's realm if that is one of `realms`, the
// realms that may log in, and otherwise the first of them. `realms` empty: only
// the service's realm may log in.
//
// Returns whether this is a name that may log in, and fills the report if not.
bool ParseUser(krb5_context context, const std::string& user,
               const std::vector<std::string>& realms,
               const std::string& service_realm, Principal* principal,
               NativeReport* report);

// Finds the name of a ticket's client, 'alice@REALM'. libkrb5 takes a ticket
// with any name; here the rules of ParseUser() hold.
//
// Returns whether the client may log in, and fills the report if not.
bool NameOfClient(krb5_context context, krb5_const_principal client,
                  const std::vector<std::string>& realms,
                  const std::string& service_realm, std::string* name,
                  NativeReport* report);

}  // namespace kpass

#endif  // KPASS_USER_H_
