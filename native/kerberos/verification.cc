// The protocol is one expression, in Conversation::Hold(). RFC 4120.

#include "kerberos/verification.h"

#include <string_view>

#include "base/krb5_ptr.h"
#include "base/view.h"
#include "kerberos/as_request.h"
#include "kerberos/login_armor.h"
#include "kerberos/realms.h"
#include "kerberos/service.h"
#include "kerberos/user.h"

namespace kpass {
namespace {

// Errors that concern a direct request, while a request for a TGT may succeed:
// the KDC gives out no ticket for the service in this exchange, or has only an
// old key for the service. (The user's list of encryption types holds for the
// direct request only.)
bool MayBeAboutService(krb5_error_code code) {
  return code == KRB5KDC_ERR_MUST_USE_USER2USER || code == KRB5KDC_ERR_POLICY ||
         code == KRB5KDC_ERR_ETYPE_NOSUPP;
}

}  // namespace

// The state of one verification while it runs. Each step returns whether to go
// on; if not, the outcome's report says why.
class Conversation {
 public:
  Conversation(Verification& verification, const KeptContext& kept)
      : verification_(verification),
        settings_(*verification.settings_),
        kept_(kept),
        context_(kept.context()),
        traced_(context_, TraceLogOf(verification)),
        hooks_(settings_, kept, verification, TraceLogOf(verification)),
        service_(context_, settings_),
        client_(context_),
        creds_(context_),
        armor_(verification.settings_, verification),
        answers_(settings_.otp, verification.password_, verification.token_) {
    if (verification.ask_ == Verification::Ask::kPrimary) {
      hooks_.AskOnlyPrimary();
    }
  }

  Outcome Hold() {
    (void)(NameService() && NameClient() && OpenKeytab(&service_, &outcome_) &&
           PutOnArmor() && GetTicket() &&
           CheckClient(context_, *creds_.get(), client_.get(),
                       settings_.canonicalize, &outcome_) &&
           VerifyTicket());
    return std::move(outcome_);
  }

 private:
  bool NameService();
  bool NameClient();
  bool PutOnArmor();
  bool GetTicket();
  bool VerifyTicket();

  krb5_error_code RequestTicket(AsRequest& request);

  // Records which KDCs the next call waits for, so that an error or a timeout
  // can name them.
  void RecordAsked(const std::string& realm) {
    verification_.AddAsked(realm, kept_.List("realms", realm, "kdc"));
  }
  bool Check(const char* step, krb5_error_code code) {
    return outcome_.Check(context_, step, code);
  }
  bool CheckExchange(const char* step, krb5_error_code code) {
    return kpass::CheckExchange(
        kept_, step, code, {View(client_->realm), service_.realm()}, &outcome_);
  }
  static TraceLog* TraceLogOf(Verification& verification) {
    return verification.settings_->trace ? &verification.trace_ : nullptr;
  }

  Verification& verification_;
  const Settings& settings_;
  const KeptContext& kept_;
  const krb5_context context_;
  const Traced traced_;
  KdcHooks hooks_;
  Service service_;
  Principal client_;
  Creds creds_;
  LoginArmor armor_;
  Answers answers_;
  Outcome outcome_;
};

Outcome Verification::Run(KeptContext& kept) {
  struct Ended {  // on every path, also if an allocation fails
    Verification& verification;
    ~Ended() { verification.End(); }
  };
  Outcome outcome;
  outcome.step = "abandoned";
  if (!Begin()) return outcome;
  const Ended ended{*this};

  if (!IsPossiblePassword(password_)) {
    outcome.step = "input";
  } else if (kept.Get(settings_->config, &outcome) != nullptr) {
    outcome = Conversation(*this, kept).Hold();
    outcome.asked = TakeAsked();
  }
  return outcome;
}

bool Conversation::NameService() {
  const bool found = service_.FindName(&outcome_);
  verification_.SetService(service_.name());
  return found;
}

bool Conversation::NameClient() {
  return CheckRealms(settings_, service_.realm(), &outcome_) &&
         ParseUser(context_, verification_.user_, settings_, service_.realm(),
                   &client_, &outcome_);
}

bool Conversation::PutOnArmor() {
  const std::string_view realm = View(client_->realm);
  RecordAsked(std::string(realm));
  return armor_.PutOn(realm, service_, &outcome_);
}

bool Conversation::GetTicket() {
  AsRequest request(kept_, hooks_, client_.get(), settings_.canonicalize);
  krb5_error_code code = RequestTicket(request);
  if (hooks_.armor_refused()) {
    if (!armor_.Replace(&outcome_)) return false;
    code = RequestTicket(request);
  }
  if (!hooks_.other_spelling().empty()) {
    return RefuseSpelling("the KDC was asked for users of " +
                              std::string(View(client_->realm)) +
                              ", and answers for " + hooks_.other_spelling(),
                          &outcome_);
  }
  outcome_.by_token = answers_.token_given();
  return request.CheckPassword(
      code, answers_, {View(client_->realm), service_.realm()}, &outcome_);
}

// Asks for the service's own ticket, which takes one exchange less than a TGT.
// Three cases need a TGT: users of another realm, a KDC that refuses the direct
// request, and canonicalization, which AD and Samba grant with a TGT only.
krb5_error_code Conversation::RequestTicket(AsRequest& request) {
  armor_.GiveTo(&request);
  const auto ticket_for = [&](krb5_const_principal service) {
    return request.ByPassword(answers_, service, &creds_);
  };
  const bool direct =
      !settings_.canonicalize &&
      krb5_realm_compare(context_, client_.get(), service_.principal());
  krb5_error_code code = ticket_for(direct ? service_.principal() : nullptr);
  if (direct && MayBeAboutService(code)) code = ticket_for(nullptr);
  return code;
}

// Makes a real AP-REQ of the ticket and reads it with the keytab's key. Only
// the realm's KDC, which has the same key, can have made the ticket.
bool Conversation::VerifyTicket() {
  UnparsedName principal(context_);
  if (!Check("krb5_unparse_name",
             krb5_unparse_name(context_, creds_->client, principal.Out()))) {
    return false;
  }
  // With a TGT of another realm, libkrb5 asks that realm's KDC and then the
  // service's.
  if (View(client_->realm) != service_.realm()) RecordAsked(service_.realm());
  krb5_verify_init_creds_opt opt;
  krb5_verify_init_creds_opt_init(&opt);
  // Without this, a keytab that cannot be used counts as success.
  krb5_verify_init_creds_opt_set_ap_req_nofail(&opt, 1);
  // The argument for the credential cache is NULL. With a pointer to a null
  // cache, libkrb5 would keep the ticket in a cache of the whole process.
  if (!CheckExchange(
          "krb5_verify_init_creds",
          krb5_verify_init_creds(context_, creds_.get(), service_.principal(),
                                 service_.keytab(), nullptr, &opt))) {
    return false;
  }
  outcome_.principal = principal.get();
  outcome_.realm = View(creds_->client->realm);
  outcome_.verified = true;  // The one place where it becomes so.
  return true;
}

}  // namespace kpass
