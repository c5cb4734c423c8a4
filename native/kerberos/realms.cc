#include "kerberos/realms.h"

#include <algorithm>

#include "base/krb5_ptr.h"
#include "base/view.h"

namespace kpass {

char LowerCase(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool SameApartFromCase(std::string_view a, std::string_view b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(),
      [](char one, char other) { return LowerCase(one) == LowerCase(other); });
}

bool RefuseSpelling(const std::string& mistake, NativeReport* report) {
  const std::string words =
      mistake + ". A realm's name has one spelling, capitals included";
  return report->Refuse("spelling", words.c_str());
}

bool CheckRealms(const Settings& settings, const std::string& service_realm,
                 NativeReport* report) {
  for (const std::string& realm : settings.realms) {
    if (realm != service_realm && SameApartFromCase(realm, service_realm)) {
      return RefuseSpelling("the option realms has " + realm +
                                ", and the service's realm is " + service_realm,
                            report);
    }
  }
  if (!settings.realms.empty()) return true;
  for (const std::string& realm : settings.domain_realms) {
    if (realm == service_realm) continue;
    const std::string words = "the option domains has the realm " + realm +
                              ", and only users of " + service_realm +
                              " may log in, unless the option realms says more";
    return report->Refuse("domains", words.c_str());
  }
  return true;
}

std::string EntryApartFromCase(krb5_context context, krb5_keytab keytab,
                               krb5_const_principal principal) {
  std::string found;
  krb5_kt_cursor cursor = nullptr;
  if (krb5_kt_start_seq_get(context, keytab, &cursor) != 0) return found;
  KeytabEntry entry(context);
  while (found.empty()) {
    if (krb5_kt_next_entry(context, keytab, entry.Out(), &cursor) != 0) {
      entry.Forget();
      break;
    }
    UnparsedName name(context);
    if (krb5_principal_compare_any_realm(context, entry->principal,
                                         principal) &&
        SameApartFromCase(View(entry->principal->realm),
                          View(principal->realm)) &&
        krb5_unparse_name(context, entry->principal, name.Out()) == 0) {
      found = name.get();
    }
  }
  krb5_kt_end_seq_get(context, keytab, &cursor);
  return found;
}

}  // namespace kpass
