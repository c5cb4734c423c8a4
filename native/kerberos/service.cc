#include "kerberos/service.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "base/file_status.h"
#include "base/view.h"
#include "kerberos/realms.h"

namespace kpass {
namespace {

constexpr size_t kMaxHostName = 255;     // of macOS; Linux has 64
constexpr size_t kMaxKeytabName = 1100;  // MAX_KEYTAB_NAME_LEN, not public

}  // namespace

// kpass builds service/host@REALM itself: krb5_sname_to_principal looks the
// host up in DNS. krb5_parse_name makes a plain name, not a host-based one. For
// a host-based name, libkrb5 also tries the keys of other hosts if krb5.conf
// says so.
bool Service::FindName(NativeReport* report) {
  std::string host;
  if (settings_.host) {
    host = *settings_.host;
  } else if (!report->Check(context_, "krb5_expand_hostname",
                            LocalHost(&host))) {
    return false;
  }
  std::transform(host.begin(), host.end(), host.begin(), LowerCase);
  name_ = settings_.service + "/" + host;
  if (!report->Check(context_, "krb5_get_host_realm", RealmOf(host, &realm_))) {
    report->message += settings_.config.Names();
    return false;
  }
  if (!TakeName(name_ + "@" + realm_, report)) return false;
  // A separator or an escape in one of the parts would make another name.
  const bool as_meant = principal_->length == 2 &&
                        View(principal_->data[0]) == settings_.service &&
                        View(principal_->data[1]) == host;
  return as_meant ||
         report->Check(context_, "krb5_parse_name", KRB5_PARSE_MALFORMED);
}

// In krb5_sname_match, a host-based service with an empty host matches any
// host. libkrb5 does not send such a name through DNS.
bool Service::FindAnyHost(NativeReport* report) {
  any_host_ = true;
  name_ = settings_.service + "/";
  if (!report->Check(context_, "krb5_get_host_realm",
                     RealmOf(settings_.host.value_or(""), &realm_))) {
    report->message += settings_.config.Names();
    return false;
  }
  if (!TakeName(name_ + "@" + realm_, report)) return false;
  principal_->type = KRB5_NT_SRV_HST;
  const bool as_meant = principal_->length == 2 &&
                        View(principal_->data[0]) == settings_.service &&
                        principal_->data[1].length == 0;
  return as_meant ||
         report->Check(context_, "krb5_parse_name", KRB5_PARSE_MALFORMED);
}

bool Service::TakeName(const std::string& name, NativeReport* report) {
  name_ = name;
  return report->Check(
      context_, "krb5_parse_name",
      krb5_parse_name(context_, name_.c_str(), principal_.Out()));
}

krb5_error_code Service::LocalHost(std::string* host) {
  std::string name(kMaxHostName + 1, '\0');
  if (gethostname(name.data(), name.size()) != 0) return errno;
  Text canonical(context_);
  const krb5_error_code code =
      krb5_expand_hostname(context_, name.c_str(), canonical.Out());
  if (code == 0) *host = canonical.get();
  return code;
}

// The realm in [domain_realm], or the default realm. Never a guess from DNS.
krb5_error_code Service::RealmOf(const std::string& host, std::string* realm) {
  HostRealms realms(context_);
  krb5_error_code code =
      krb5_get_host_realm(context_, host.c_str(), realms.Out());
  if (code != 0) return code;
  if (realms.get() != nullptr && realms.get()[0] != nullptr &&
      *realms.get()[0] != '\0') {
    *realm = realms.get()[0];
    return 0;
  }
  DefaultRealm fallback(context_);
  code = krb5_get_default_realm(context_, fallback.Out());
  if (code == 0) *realm = fallback.get();
  return code;
}

bool Service::OpenKeytab(NativeReport* report) {
  if (settings_.keytab) keytab_name_ = *settings_.keytab;
  const krb5_error_code code =
      settings_.keytab
          ? krb5_kt_resolve(context_, settings_.keytab->c_str(), keytab_.Out())
          : krb5_kt_default(context_, keytab_.Out());
  if (!report->Check(context_, "krb5_kt_resolve", code)) return false;
  std::string name(kMaxKeytabName, '\0');
  if (krb5_kt_get_name(context_, keytab_.get(), name.data(),
                       static_cast<unsigned>(name.size())) == 0) {
    keytab_name_ = name.c_str();
  }
  return true;
}

bool Service::FindKey(NativeReport* report) {
  if (any_host_) return FindKeyOfAnyHost(report);
  KeytabEntry entry(context_);
  const krb5_error_code code = krb5_kt_get_entry(
      context_, keytab_.get(), principal_.get(), 0, 0, entry.Out());
  if (code == KRB5_KT_NOTFOUND) {
    const std::string other =
        EntryApartFromCase(context_, keytab_.get(), principal_.get());
    if (!other.empty()) {
      return RefuseSpelling("krb5.conf says " + realm_ +
                                ", and the keytab has the key of " + other,
                            report);
    }
  }
  return report->Check(context_, "krb5_kt_get_entry", code);
}

bool Service::FindKeyOfAnyHost(NativeReport* report) {
  constexpr const char* kStep = "krb5_kt_get_entry";
  krb5_kt_cursor cursor;
  krb5_error_code code =
      krb5_kt_start_seq_get(context_, keytab_.get(), &cursor);
  if (!report->Check(context_, kStep, code)) return false;
  bool found = false;
  while (code == 0 && !found) {
    KeytabEntry entry(context_);
    code = krb5_kt_next_entry(context_, keytab_.get(), entry.Out(), &cursor);
    if (code != 0) {
      entry.Forget();
    } else {
      found =
          krb5_sname_match(context_, principal_.get(), entry->principal) != 0;
    }
  }
  krb5_kt_end_seq_get(context_, keytab_.get(), &cursor);
  if (code == KRB5_KT_END) code = KRB5_KT_NOTFOUND;
  return found || report->Check(context_, kStep, code);
}

bool Service::keytab_exposed() const {
  for (const std::string_view type : {"FILE:", "WRFILE:"}) {
    if (keytab_name_.compare(0, type.size(), type) != 0) continue;
    const auto file = StatusOf(keytab_name_.c_str() + type.size());
    return file && (file->mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0;
  }
  return false;
}

bool OpenKeytab(Service* service, Outcome* outcome) {
  const bool found = service->OpenKeytab(outcome) && service->FindKey(outcome);
  outcome->keytab = service->keytab_name();
  outcome->keytab_exposed = found && service->keytab_exposed();
  return found;
}

}  // namespace kpass
