#include "kerberos/user.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "base/view.h"
#include "kerberos/realms.h"

namespace kpass {
namespace {

constexpr size_t kMaxUserBytes = 256;
constexpr size_t kMaxPasswordBytes = 1024;

// WELLKNOWN/ANONYMOUS gets tickets for any password (RFC 8062).
bool IsWellKnown(std::string_view first) {
  return SameApartFromCase(first, "WELLKNOWN");
}

// Unicode's separators.
constexpr std::string_view kBlanks[] = {
    " ",      "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
    "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
    "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

bool BeginsOrEndsBlank(std::string_view text) {
  return std::any_of(
      std::begin(kBlanks), std::end(kBlanks), [text](auto blank) {
        return text.size() >= blank.size() &&
               (text.substr(0, blank.size()) == blank ||
                text.substr(text.size() - blank.size()) == blank);
      });
}

bool Contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// Whether users of the realm may log in. `realms` empty: only the service's.
bool MayLogIn(const std::string& realm, const std::vector<std::string>& realms,
              const std::string& service_realm) {
  return realms.empty() ? realm == service_realm : Contains(realms, realm);
}

// Whether this is one name and at most one realm. Active Directory takes
// 'alice ' for alice, which would be a second name of one account.
bool IsWellFormed(const std::string& user) {
  if (user.size() > kMaxUserBytes || !IsPlainUtf8(user)) return false;
  // libkrb5 reads an escape after a backslash.
  if (user.find('\\') != std::string::npos) return false;
  const size_t at = user.find('@');
  if (at != user.rfind('@') || at + 1 == user.size()) return false;
  const std::string_view name = std::string_view(user).substr(0, at);
  return !name.empty() && !BeginsOrEndsBlank(name) &&
         !IsWellKnown(name.substr(0, name.find('/')));
}

bool ParsePrincipal(krb5_context context, const std::string& name,
                    Principal* principal, NativeReport* report) {
  krb5_error_code code =
      krb5_parse_name(context, name.c_str(), principal->Out());
  if (code == KRB5_PARSE_MALFORMED) return report->Refuse("input");
  if (!report->Check(context, "krb5_parse_name", code)) return false;
  UnparsedName text(context);
  code = krb5_unparse_name(context, principal->get(), text.Out());
  if (!report->Check(context, "krb5_unparse_name", code)) return false;
  // libkrb5 must have read the same name that the user typed.
  const bool same = text.get() == name && principal->get()->length > 0 &&
                    principal->get()->data[0].length > 0;
  return same || report->Refuse("input");
}

bool ParseEnterprise(krb5_context context, const std::string& name,
                     const std::string& realm, Principal* principal,
                     NativeReport* report) {
  const std::string full = name + "@" + realm;
  const krb5_error_code code = krb5_parse_name_flags(
      context, full.c_str(), KRB5_PRINCIPAL_PARSE_ENTERPRISE, principal->Out());
  if (code == KRB5_PARSE_MALFORMED) return report->Refuse("input");
  if (!report->Check(context, "krb5_parse_name_flags", code)) return false;
  const krb5_principal read = principal->get();
  const bool same = read->type == KRB5_NT_ENTERPRISE_PRINCIPAL &&
                    read->length == 1 && View(read->data[0]) == name &&
                    View(read->realm) == realm;
  return same || report->Refuse("input");
}

}  // namespace

bool ParseUser(krb5_context context, const std::string& user,
               const Settings& settings, const std::string& service_realm,
               Principal* principal, NativeReport* report) {
  if (!IsWellFormed(user)) return report->Refuse("input");
  const bool listed = !settings.realms.empty();
  const auto may_log_in = [&](const std::string& realm) {
    return listed ? Contains(settings.realms, realm)
                  : SameApartFromCase(realm, service_realm);
  };
  const std::string& home =
      may_log_in(service_realm) ? service_realm : settings.realms.front();

  const size_t at = user.find('@');
  if (at == std::string::npos) {
    return ParsePrincipal(context, user + "@" + home, principal, report);
  }
  const std::string suffix = user.substr(at + 1);
  if (may_log_in(suffix)) {
    const std::string& realm = listed ? suffix : service_realm;
    return ParsePrincipal(context, user.substr(0, at + 1) + realm, principal,
                          report);
  }
  if (settings.canonicalize && Contains(settings.upn_suffixes, suffix)) {
    return ParseEnterprise(context, user, home, principal, report);
  }
  // Refused here: libkrb5 would look up that realm's KDC and talk to it.
  return report->Refuse("realm");
}

bool IsPossiblePassword(const Secret& password) {
  const size_t size = password.size();
  if (size == 0 || size > kMaxPasswordBytes) return false;
  // Byte by byte: strlen() leaves pieces in vector registers, which the dynamic
  // linker may save on the stack after WipeDeadStack() has wiped it.
  const volatile char* const bytes = password.c_str();
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] == '\0') return false;
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
  if (client->length < 1 || IsWellKnown(View(client->data[0]))) {
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
      !IsPlainUtf8(*name)) {
    return report->Refuse("client", "a client with a malformed name");
  }
  return true;
}

bool CheckClient(krb5_context context, const krb5_creds& creds,
                 krb5_const_principal asked, bool canonicalize,
                 NativeReport* report) {
  if ((creds.ticket_flags & TKT_FLG_ANONYMOUS) != 0) {
    return report->Refuse("client");
  }
  const bool same = krb5_principal_compare(context, creds.client, asked);
  const bool renamed =
      canonicalize && krb5_realm_compare(context, creds.client, asked);
  return same || renamed || report->Refuse("client");
}

}  // namespace kpass
