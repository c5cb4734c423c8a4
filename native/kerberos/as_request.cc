// https://web.mit.edu/kerberos/krb5-latest/doc/appdev/init_creds.html

#include "kerberos/as_request.h"

#include <errno.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "net/site.h"

namespace kpass {
namespace {

// In seconds. With five minutes or less, krb5_verify_init_creds fails whenever
// the clock's second changes: it demands that five minutes remain.
constexpr krb5_deltat kTicketLife = 600;

// libkrb5 found no mechanism among those that the KDC offers.
bool IsWithoutProof(krb5_error_code code) {
  return code == KRB5_PREAUTH_FAILED || code == KRB5_PREAUTH_BAD_TYPE ||
         code == KRB5KDC_ERR_PREAUTH_REQUIRED || code == KRB5_LIBOS_CANTREADPWD;
}

// Whether krb5.conf keeps libkrb5 from proving a password under armor. There,
// the KDC's offers are encrypted.
bool ShutsOutChallenges(const KeptContext& kept) {
  const auto names = [&](const char* tag) {
    return kept.List("plugins", "clpreauth", tag);
  };
  const auto has = [](const std::vector<std::string>& list, const char* name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  constexpr const char* kChallenge = "encrypted_challenge";
  const std::vector<std::string> only = names("enable_only");
  return has(names("disable"), kChallenge) ||
         (!only.empty() && !has(only, kChallenge));
}

// The KDC, or libkrb5, found no encryption type in common.
bool IsWithoutEnctype(krb5_error_code code) {
  return code == KRB5KDC_ERR_ETYPE_NOSUPP || code == KRB5_CONFIG_ETYPE_NOSUPP;
}

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
  // Where there is a prompter, libkrb5 would change an expired password.
  krb5_get_init_creds_opt_set_change_password_prompt(opt->get(), 0);
  // If pkinit is loaded in spite of conf/first.conf, it gets no identity.
  return krb5_get_init_creds_opt_set_pa(context_, opt->get(),
                                        "X509_user_identity", "");
}

// libkrb5 then sends no AS-REQ without armor, whatever a KDC answers.
krb5_error_code AsRequest::SetArmorOptions(InitCredsOpt* opt) const {
  if (armor_.empty()) return 0;
  const krb5_error_code code = krb5_get_init_creds_opt_set_fast_ccache_name(
      context_, opt->get(), armor_.c_str());
  if (code != 0) return code;
  return krb5_get_init_creds_opt_set_fast_flags(context_, opt->get(),
                                                KRB5_FAST_REQUIRED);
}

template <typename Get>
krb5_error_code AsRequest::Request(krb5_const_principal service,
                                   KdcHooks::Key key, Creds* creds, Get get) {
  UnparsedName name(context_);
  krb5_error_code code = 0;
  if (service != nullptr) {
    code = krb5_unparse_name(context_, service, name.Out());
    if (code != 0) return code;
  }
  InitCredsOpt opt(context_);
  code = SetOptions(&opt);
  if (code == 0) code = SetArmorOptions(&opt);
  if (code != 0) return code;
  hooks_.BeginTry(client_, key, !armor_.empty());
  code = get(creds->Out(), name.get(), opt.get());
  if (code != 0) creds->Forget();
  return hooks_.EndTry(code);
}

krb5_error_code AsRequest::ByPassword(Answers& answers,
                                      krb5_const_principal service,
                                      Creds* creds) {
  enctypes_.emplace(kept_);
  if (enctypes_->code() != 0) return enctypes_->code();
  const auto key = enctypes_->weak() ? KdcHooks::Key::kPasswordOrWeak
                                     : KdcHooks::Key::kPassword;
  return Request(
      service, key, creds, [&](krb5_creds* out, const char* name, auto* opt) {
        // libkrb5 uses the list until it returns, and does not change it.
        std::vector<krb5_enctype>& list = enctypes_->list();
        krb5_get_init_creds_opt_set_etype_list(opt, list.data(),
                                               static_cast<int>(list.size()));
        const bool armored = !armor_.empty();
        if (armored) {
          const krb5_error_code code = answers.Install(context_, opt);
          if (code != 0) return code;
        }
        return krb5_get_init_creds_password(
            context_, out, client_, answers.Given(armored), Answers::Prompt,
            &answers, /*start_time=*/0, name, opt);
      });
}

krb5_error_code AsRequest::ByKeytab(krb5_keytab keytab,
                                    krb5_const_principal service,
                                    Creds* creds) {
  return Request(service, KdcHooks::Key::kKeytab, creds,
                 [&](krb5_creds* out, const char* name, auto* opt) {
                   return krb5_get_init_creds_keytab(
                       context_, out, client_, keytab,
                       /*start_time=*/0, name, opt);
                 });
}

krb5_error_code AsRequest::ArmorByKeytab(krb5_keytab keytab, krb5_ccache cache,
                                         Creds* creds) {
  return Request(
      nullptr, KdcHooks::Key::kKeytab, creds,
      [&](krb5_creds* out, const char*, auto* opt) {
        // The default is ticket_lifetime in krb5.conf, or a day.
        opt->flags &= ~KRB5_GET_INIT_CREDS_OPT_TKT_LIFE;
        const krb5_error_code code =
            krb5_get_init_creds_opt_set_out_ccache(context_, opt, cache);
        if (code != 0) return code;
        return krb5_get_init_creds_keytab(context_, out, client_, keytab,
                                          /*start_time=*/0,
                                          /*in_tkt_service=*/nullptr, opt);
      });
}

// Whether an AS-REP to an armored request does not decrypt with the armor's
// key: the KDC has not sent it. libkrb5 returns the same code for an AS-REP
// that does not decrypt with the password, which is then wrong. That can only
// be the reply to the first request, of a user without preauthentication.
bool AsRequest::IsForgedTicket(krb5_error_code code,
                               const std::string& words) const {
  if (armor_.empty() || code != KRB5KRB_AP_ERR_BAD_INTEGRITY) return false;
  const int at = hooks_.ticket_at();
  return at > 1 || (at == 1 && words.find("FAST reply") != std::string::npos);
}

bool AsRequest::CheckPassword(krb5_error_code code, const Answers& answers,
                              std::initializer_list<std::string_view> realms,
                              NativeReport* report) const {
  if (CheckExchange(kept_, "krb5_get_init_creds_password", code, realms,
                    report)) {
    return true;
  }
  if (IsWithoutProof(code) && answers.token_missing()) {
    report->step = "otp";
  } else if (!armor_.empty() && IsWithoutProof(code) &&
             ShutsOutChallenges(kept_)) {
    report->step = "krb5.conf";
    report->message =
        "krb5.conf shuts out the mechanism that proves a password under armor "
        "(encrypted_challenge, in clpreauth of [plugins]): " +
        report->message;
  } else if (IsForgedTicket(code, report->message)) {
    report->step = "fast";
  } else if (hooks_.armor_ignored()) {
    report->step = "fast";
    report->message =
        "the reply asks for proof as if the login had no armor: the KDC does "
        "not support FAST, or somebody else answers";
  } else if (!hooks_.fault().empty()) {
    report->step = "etype-info2";
    report->message = hooks_.fault();
  } else if (IsWithoutProof(code) &&
             hooks_.proof_asked() == ProofAsked::kPassword) {
    report->step = "krb5.conf";
    report->message =
        "the KDC takes a password, but krb5.conf shuts out each "
        "preauthentication mechanism that it offers "
        "(disable_encrypted_timestamp,"
        " or clpreauth in [plugins]): " +
        report->message;
  } else if (IsWithoutEnctype(code) ||
             (IsWithoutProof(code) &&
              hooks_.proof_asked() == ProofAsked::kNone)) {
    // MIT's KDC asks for no proof at all if it finds no key of the user.
    report->step = enctypes_->narrowed() ? "krb5.conf" : "enctypes";
    report->message =
        "krb5.conf permits only the encryption types " + enctypes_->Text() +
        ", and the account seems to have no key of these: " + report->message;
  }
  return false;
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
