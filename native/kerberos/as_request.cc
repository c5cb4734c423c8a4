// https://web.mit.edu/kerberos/krb5-latest/doc/appdev/init_creds.html

#include "kerberos/as_request.h"

#include <errno.h>

#include <optional>
#include <string>

#include "net/site.h"

namespace kpass {
namespace {

// In seconds. With five minutes or less, krb5_verify_init_creds fails whenever
// the clock's second changes: it demands that five minutes remain.
constexpr krb5_deltat kTicketLife = 600;

}  // namespace

krb5_error_code AsRequest::SetOptions(InitCredsOpt* opt) const {
  const krb5_error_code code =
      krb5_get_init_creds_opt_alloc(context_, opt->Out());
  if (code != 0) return code;
  krb5_get_init_creds_opt_set_tkt_life(opt->get(), kTicketLife);
  krb5_get_init_creds_opt_set_renew_life(opt->get(), 0);
  krb5_get_init_creds_opt_set_forwardable(opt->get(), 0);
  krb5_get_init_creds_opt_set_proxiable(opt->get(), 0);
  krb5_get_init_creds_opt_set_address_list(opt->get(), nullptr);
  krb5_get_init_creds_opt_set_canonicalize(opt->get(), canonicalize_);
  // If pkinit is loaded in spite of conf/first.conf, it gets no identity.
  return krb5_get_init_creds_opt_set_pa(context_, opt->get(),
                                        "X509_user_identity", "");
}

template <typename Get>
krb5_error_code AsRequest::Request(krb5_const_principal service, Creds* creds,
                                   Get get) {
  UnparsedName name(context_);
  krb5_error_code code = 0;
  if (service != nullptr) {
    code = krb5_unparse_name(context_, service, name.Out());
    if (code != 0) return code;
  }
  InitCredsOpt opt(context_);
  code = SetOptions(&opt);
  if (code != 0) return code;
  hooks_.BeginTry(client_);
  code = get(creds->Out(), name.get(), opt.get());
  if (code != 0) creds->Forget();
  return hooks_.EndTry(code);
}

krb5_error_code AsRequest::ByPassword(const char* password,
                                      krb5_const_principal service,
                                      Creds* creds) {
  return Request(
      service, creds, [&](krb5_creds* out, const char* name, auto* opt) {
        return krb5_get_init_creds_password(context_, out, client_, password,
                                            /*prompter=*/nullptr,
                                            /*data=*/nullptr,
                                            /*start_time=*/0, name, opt);
      });
}

krb5_error_code AsRequest::ByKeytab(krb5_keytab keytab,
                                    krb5_const_principal service,
                                    Creds* creds) {
  return Request(
      service, creds, [&](krb5_creds* out, const char* name, auto* opt) {
        return krb5_get_init_creds_keytab(context_, out, client_, keytab,
                                          /*start_time=*/0, name, opt);
      });
}

// libkrb5 fails with EINVAL, and no text, for a KDC in krb5.conf that it cannot
// read (since krb5 1.22 with ENAMETOOLONG for the path of a UNIX socket).
bool CheckExchange(const KeptContext& kept, const char* step,
                   krb5_error_code code,
                   std::initializer_list<std::string_view> realms,
                   NativeReport* report) {
  if (report->Check(kept.context(), step, code)) return true;
  if (code != EINVAL && code != ENAMETOOLONG) return false;
  for (const std::string_view realm : realms) {
    const std::optional<std::string> mistake =
        FindKdcMistake(kept, std::string(realm));
    if (!mistake) continue;
    report->step = "krb5.conf";
    report->message = *mistake + ": " + report->message;
    break;
  }
  return false;
}

}  // namespace kpass
