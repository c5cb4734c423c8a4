#include "kerberos/armor_login.h"

#include <string_view>

#include "base/krb5_ptr.h"
#include "base/view.h"
#include "kerberos/as_request.h"
#include "kerberos/service.h"

namespace kpass {
namespace {

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

// The only principal NAME$@REALM in the keytab. Empty: there is none, or there
// are several. Each guess would be a login, which the KDC may count.
std::string OnlyAccount(krb5_context context, krb5_keytab keytab,
                        const std::string& realm) {
  krb5_kt_cursor cursor;
  if (krb5_kt_start_seq_get(context, keytab, &cursor) != 0) return {};
  std::string found;
  bool several = false;
  krb5_error_code code = 0;
  while (code == 0) {
    KeytabEntry entry(context);
    code = krb5_kt_next_entry(context, keytab, entry.Out(), &cursor);
    if (code != 0) {
      entry.Forget();
      break;
    }
    UnparsedName name(context);
    if (krb5_unparse_name(context, entry->principal, name.Out()) != 0) continue;
    if (entry->principal->length != 1 ||
        View(entry->principal->realm) != realm ||
        !EndsWith(View(entry->principal->data[0]), "$")) {
      continue;
    }
    several = several || (!found.empty() && found != name.get());
    found = name.get();
  }
  krb5_kt_end_seq_get(context, keytab, &cursor);
  return several ? std::string() : found;
}

class Login {
 public:
  Login(const Settings& settings, KeptContext& kept, Sender& sender,
        Clock::time_point deadline)
      : settings_(settings),
        kept_(kept),
        context_(kept.context()),
        hooks_(settings, kept, sender, nullptr),
        service_(context_, settings),
        client_(context_),
        creds_(context_) {
    hooks_.SetDeadline(deadline);
  }

  ArmorLogin Run(bool prove) {
    if (service_.FindName(&result_) && service_.OpenKeytab(&result_) &&
        LogIn()) {
      ReadTicket();
      if (prove && !result_.without_fast) Prove();
    }
    result_.refused = hooks_.proof_refused();
    if (*result_.step != '\0') result_.ticket = {};
    return std::move(result_);
  }

 private:
  bool LogIn() {
    const std::string& named = settings_.fast_principal;
    if (!named.empty()) {
      const bool whole = named.find('@') != std::string::npos;
      if (!Name(whole ? named : named + "@" + service_.realm())) return false;
      if (View(client_->realm) != service_.realm()) {
        return result_.Refuse("fastPrincipal",
                              "it is of another realm than the service");
      }
      return Ask();
    }
    if (!Name(service_.name())) return false;
    if (Ask()) return true;
    if (result_.code != KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN) return false;
    const std::string account =
        OnlyAccount(context_, service_.keytab(), service_.realm());
    if (account.empty() || account == result_.principal) return false;
    static_cast<NativeReport&>(result_) = {};
    return Name(account) && Ask();
  }

  bool Name(const std::string& principal) {
    result_.principal = principal;
    return result_.Check(
        context_, "krb5_parse_name",
        krb5_parse_name(context_, principal.c_str(), client_.Out()));
  }

  bool Ask() {
    result_.ticket = ArmorTicket::Make(&result_);
    if (!result_.ticket) return false;
    AsRequest request(kept_, hooks_, client_.get(), /*canonicalize=*/false);
    return CheckLogin(request.ArmorByKeytab(service_.keytab(),
                                            result_.ticket->cache(), &creds_));
  }

  bool CheckLogin(krb5_error_code code) {
    return CheckExchange(kept_, "krb5_get_init_creds_keytab", code,
                         {View(client_->realm)}, &result_);
  }

  // With the flag, the KDC's reply is protected by the service's key: then an
  // announcement that is not there was not stripped either.
  void ReadTicket() {
    result_.ticket->SetEnd(static_cast<uint32_t>(creds_->times.endtime));
    result_.without_fast = (creds_->ticket_flags & TKT_FLG_ENC_PA_REP) != 0 &&
                           !result_.ticket->AnnouncesFast(creds_->server);
  }

  void Prove() {
    AsRequest request(kept_, hooks_, client_.get(), /*canonicalize=*/false);
    request.SetArmor(result_.ticket->cache_name());
    Creds proof(context_);
    const krb5_error_code code =
        request.ByKeytab(service_.keytab(), nullptr, &proof);
    // The KDC asks for proof, or gives a ticket, as if there were no armor.
    result_.without_fast =
        hooks_.armor_ignored() || code == KRB5_ERR_FAST_REQUIRED;
    if (!result_.without_fast) CheckLogin(code);
  }

  const Settings& settings_;
  KeptContext& kept_;
  const krb5_context context_;
  KdcHooks hooks_;
  Service service_;
  Principal client_;
  Creds creds_;
  ArmorLogin result_;
};

}  // namespace

ArmorLogin LogInForArmor(const Settings& settings, KeptContext& kept,
                         Sender& sender, Clock::time_point deadline,
                         bool prove) {
  ArmorLogin failed;
  if (kept.Get(settings.config, &failed) == nullptr) return failed;
  return Login(settings, kept, sender, deadline).Run(prove);
}

}  // namespace kpass
