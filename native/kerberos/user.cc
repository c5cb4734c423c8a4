#include "kerberos/user.h"

#include <strings.h>

#include <algorithm>
#include <string_view>

namespace kpass {
namespace {

constexpr size_t kMaxUserBytes = 256;
constexpr std::string_view kWellKnown = "WELLKNOWN";

// WELLKNOWN/ANONYMOUS gets tickets for any password (RFC 8062).
bool IsWellKnown(const krb5_data& first) {
  return first.length == kWellKnown.size() &&
         strncasecmp(first.data, kWellKnown.data(), first.length) == 0;
}

}  // namespace

bool ParseUser(krb5_context context, const std::string& user,
               const std::vector<std::string>& realms,
               const std::string& service_realm, Principal* principal,
               NativeReport* report) {
  const auto allowed = [&](const std::string& realm) {
    return realms.empty()
               ? realm == service_realm
               : std::find(realms.begin(), realms.end(), realm) != realms.end();
  };

  std::string name = user;
  const size_t at = name.find('@');
  if (at == std::string::npos) {
    name += "@" + (allowed(service_realm) ? service_realm : realms.front());
  } else if (!allowed(name.substr(at + 1))) {
    // Refused here: libkrb5 would look up that realm's KDC and talk to it.
    return report->Refuse("realm");
  }

  if (user.empty() || user.size() > kMaxUserBytes ||
      name.find('\\') != std::string::npos) {
    return report->Refuse("input");
  }
  krb5_error_code code =
      krb5_parse_name(context, name.c_str(), principal->Out());
  if (code == KRB5_PARSE_MALFORMED) return report->Refuse("input");
  if (!report->Check(context, "krb5_parse_name", code)) return false;
  UnparsedName text(context);
  code = krb5_unparse_name(context, principal->get(), text.Out());
  if (!report->Check(context, "krb5_unparse_name", code)) return false;
  // libkrb5 must have read the same name that the user typed.
  if (text.get() != name || principal->get()->length < 1 ||
      principal->get()->data[0].length == 0 ||
      IsWellKnown(principal->get()->data[0])) {
    return report->Refuse("input");
  }
  return true;
}

}  // namespace kpass
