// Realms as krb5.conf, the keytab and the settings spell them. Kerberos tells
// capitals from small letters, and people do not.

#ifndef KPASS_REALMS_H_
#define KPASS_REALMS_H_

#include <krb5/krb5.h>

#include <string>
#include <string_view>

#include "base/report.h"
#include "kerberos/settings.h"

namespace kpass {

// ASCII, whatever the locale is.
char LowerCase(char c);
bool SameApartFromCase(std::string_view a, std::string_view b);

// Fills the report with a mistake of the configuration. Returns false.
bool RefuseSpelling(const std::string& mistake, NativeReport* report);

// Whether the settings' realms can be right for a service of this realm. If
// not, fills the report.
bool CheckRealms(const Settings& settings, const std::string& service_realm,
                 NativeReport* report);

// An entry of the keytab for `principal` in a realm that differs in case alone,
// as text. Empty: there is none.
std::string EntryApartFromCase(krb5_context context, krb5_keytab keytab,
                               krb5_const_principal principal);

}  // namespace kpass

#endif  // KPASS_REALMS_H_
