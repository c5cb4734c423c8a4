#include "kerberos/user.h"

#include <strings.h>

#include <algorithm>
#include <string_view>

#include "base/view.h"

namespace kpass {
namespace {

constexpr size_t kMaxUserBytes = 256;
constexpr std::string_view kWellKnown = "WELLKNOWN";

// Whether it is UTF-8 (RFC 3629) without control characters, C1 included.
bool IsPlain(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    size_t more = 0;
    uint32_t least = 0x20;
    uint32_t point = first;
    if (first >= 0xf0) {
      more = 3, least = 0x10000, point = first & 0x07;
    } else if (first >= 0xe0) {
      more = 2, least = 0x800, point = first & 0x0f;
    } else if (first >= 0xc0) {
      more = 1, least = 0xa0, point = first & 0x1f;
    } else if (first >= 0x7f) {
      return false;
    }
    if (first > 0xf4 || text.size() - i <= more) return false;
    for (const char next : text.substr(i + 1, more)) {
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3f);
    }
    if (point < least || point > 0x10ffff) return false;
    if (point >= 0xd800 && point < 0xe000) return false;  // half a pair
    i += 1 + more;
  }
  return true;
}

// Whether users of the realm may log in. `realms` empty: only the service's.
bool MayLogIn(const std::string& realm, const std::vector<std::string>& realms,
              const std::string& service_realm) {
  return realms.empty()
             ? realm == service_realm
             : std::find(realms.begin(), realms.end(), realm) != realms.end();
}

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
    return MayLogIn(realm, realms, service_realm);
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

bool NameOfClient(krb5_context context, krb5_const_principal client,
                  const std::vector<std::string>& realms,
                  const std::string& service_realm, std::string* name,
                  NativeReport* report) {
  if (!MayLogIn(std::string(View(client->realm)), realms, service_realm)) {
    return report->Refuse("realm", "a client of a realm that may not log in");
  }
  for (krb5_int32 i = 0; i < client->length; ++i) {
    if (client->data[i].length != 0) continue;
    return report->Refuse("client", "a client with an empty name");
  }
  if (client->length < 1 || IsWellKnown(client->data[0])) {
    return report->Refuse("client", "a client that is nobody");
  }
  UnparsedName text(context);
  if (!report->Check(context, "krb5_unparse_name",
                     krb5_unparse_name(context, client, text.Out()))) {
    return false;
  }
  *name = text.get();
  // A backslash: a separator, a control character or a NUL is in a part.
  if (name->size() > kMaxUserBytes || name->find('\\') != std::string::npos ||
      !IsPlain(*name)) {
    return report->Refuse("client", "a client with a malformed name");
  }
  return true;
}

}  // namespace kpass
