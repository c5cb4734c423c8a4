// The principal of the user who logs in.

#ifndef KPASS_USER_H_
#define KPASS_USER_H_

#include <krb5/krb5.h>

#include <string>

#include "base/krb5_ptr.h"
#include "base/report.h"
#include "base/secret.h"
#include "kerberos/settings.h"

namespace kpass {

// Reads a user's name, in UTF-8, without blanks at its ends:
// - 'alice', 'alice/admin': of the service's realm if that may log in, and
//   otherwise of the first of the settings' realms
// - 'alice@REALM': REALM may log in. If the settings name no realms, that is
//   the service's, in whatever case it is typed
// - 'alice@suffix': an enterprise name (RFC 6806, 5), if the suffix is one of
//   the settings' UPN suffixes. It is asked of the realm of 'alice'
//
// Returns whether this is a name that may log in, and fills the report if not.
bool ParseUser(krb5_context context, const std::string& user,
               const Settings& settings, const std::string& service_realm,
               Principal* principal, NativeReport* report);

// Whether the ticket is for the client that was asked for. With `canonicalize`,
// the KDC may rename the account within its realm. Anonymous tickets (RFC 8062)
// name nobody. Fills the report if not.
bool CheckClient(krb5_context context, const krb5_creds& creds,
                 krb5_const_principal asked, bool canonicalize,
                 NativeReport* report);

// Whether libkrb5 would read this password as it is. libkrb5 takes a C string,
// so "right\0junk" would pass for "right".
bool IsPossiblePassword(const Secret& password);

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
