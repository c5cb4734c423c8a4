// The change is one expression, in ChangeConversation::Hold().

#include "kerberos/password_change.h"

#include <errno.h>

#include <chrono>

#include "base/exit_gate.h"
#include "base/krb5_ptr.h"
#include "base/secret.h"
#include "base/view.h"
#include "kerberos/answers.h"
#include "kerberos/as_request.h"
#include "kerberos/kpasswd.h"
#include "kerberos/login_armor.h"
#include "kerberos/realms.h"
#include "kerberos/service.h"
#include "kerberos/user.h"
#include "net/password_server.h"

namespace kpass {
namespace {

using std::chrono::seconds;

// The patience for a connection to each server, in each round.
constexpr seconds kPatience[] = {seconds{1}, seconds{3}, seconds{30}};

void Append(const Trace& from, Trace* to) {
  for (const std::string& line : from) to->push_back(line);
}

}  // namespace

// The state of one change while it runs. Each step returns whether to go on; if
// not, the outcome's report says why.
class ChangeConversation {
 public:
  ChangeConversation(PasswordChange& change, const KeptContext& kept)
      : change_(change),
        settings_(*change.settings_),
        kept_(kept),
        context_(kept.context()),
        log_(settings_.trace ? &change.trace_ : nullptr),
        traced_(context_, log_),
        hooks_(settings_, kept, change, log_),
        service_(context_, settings_),
        client_(context_),
        password_service_(context_),
        creds_(context_),
        armor_(change.settings_, change),
        answers_(OtpRule::kNever, change.old_password_, no_token_),
        exchange_log_(log_ == nullptr ? nullptr : log_->ForTransport()),
        exchange_(change.interrupt(), exchange_log_) {}

  // Whether an authentic reply says that the password has changed.
  bool Hold(Outcome* outcome) {
    const bool changed = NameClient() && OpenKeytab(&service_, &outcome_) &&
                         NamePasswordService() && PutOnArmor() && GetTicket() &&
                         CheckClient(context_, *creds_.get(), client_.get(),
                                     settings_.canonicalize, &outcome_) &&
                         FindServers() && AskServers() && ReadResult();
    *outcome = std::move(outcome_);
    return changed;
  }

 private:
  using Result = PasswordExchange::Result;

  bool NameClient();
  bool NamePasswordService();
  bool PutOnArmor();
  bool GetTicket();
  krb5_error_code RequestTicket(AsRequest& request);
  bool FindServers();
  bool AskServers();
  bool ReadResult();

  Result AskServer(const Way& way, seconds patience);
  bool Check(const char* step, krb5_error_code code) {
    return outcome_.Check(context_, step, code);
  }

  PasswordChange& change_;
  const Settings& settings_;
  const KeptContext& kept_;
  const krb5_context context_;
  TraceLog* const log_;
  const Traced traced_;
  KdcHooks hooks_;
  Service service_;
  Principal client_;
  Principal password_service_;
  Creds creds_;
  LoginArmor armor_;
  Secret no_token_;
  Answers answers_;
  const MessageLog exchange_log_;
  PasswordExchange exchange_;
  PasswordServers servers_;
  std::optional<Kpasswd> kpasswd_;  // of the server that was asked last
  std::string reply_;
  Outcome outcome_;
};

Asked PasswordChange::Abandon() {
  Asked asked = Abandonable::Abandon();
  // From now on nobody changes verification_.
  if (verification_) Append(verification_->Abandon().trace, &asked.trace);
  return asked;
}

Outcome PasswordChange::Run(KeptContext& kept) {
  Outcome outcome;
  outcome.step = "abandoned";
  const bool changed = Change(kept, &outcome);
  if (changed) outcome = verification_->Run(kept);
  // Not before: Abandon() tells of the change during the verification, too.
  Asked asked = TakeAsked();
  if (changed) {
    Append(outcome.asked.trace, &asked.trace);
    asked.service = std::move(outcome.asked.service);
    asked.realms = std::move(outcome.asked.realms);
    asked.kdcs = std::move(outcome.asked.kdcs);
  }
  outcome.asked = std::move(asked);
  return outcome;
}

// True: the verification of the new password is to follow.
bool PasswordChange::Change(KeptContext& kept, Outcome* outcome) {
  struct Ended {  // on every path, also if an allocation fails
    PasswordChange& change;
    ~Ended() { change.End(); }
  };
  if (!Begin()) return false;
  const Ended ended{*this};

  if (!IsPossiblePassword(old_password_) ||
      !IsPossiblePassword(new_password_)) {
    return outcome->Refuse("input");
  }
  return kept.Get(settings_->config, outcome) != nullptr &&
         ChangeConversation(*this, kept).Hold(outcome) && BeginVerification();
}

bool PasswordChange::BeginVerification() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (abandoned_) return false;
  verification_.emplace(settings_, user_, std::move(new_password_), Secret(),
                        Verification::Ask::kPrimary);
  return true;
}

bool ChangeConversation::NameClient() {
  return service_.FindName(&outcome_) &&
         CheckRealms(settings_, service_.realm(), &outcome_) &&
         ParseUser(context_, change_.user_, settings_, service_.realm(),
                   &client_, &outcome_);
}

// RFC 3244, 2: the password service of the user's realm.
bool ChangeConversation::NamePasswordService() {
  const krb5_data& realm = client_->realm;
  UnparsedName name(context_);
  if (!Check(
          "krb5_build_principal",
          krb5_build_principal(context_, password_service_.Out(), realm.length,
                               realm.data, "kadmin", "changepw", nullptr)) ||
      !Check(
          "krb5_unparse_name",
          krb5_unparse_name(context_, password_service_.get(), name.Out()))) {
    return false;
  }
  change_.SetService(name.get());
  return true;
}

// As for a login: see Conversation::PutOnArmor() and GetTicket(). Under armor,
// an impostor of the KDC who knows the old password cannot choose the session
// key under which the new one travels.
bool ChangeConversation::PutOnArmor() {
  const std::string realm(View(client_->realm));
  change_.AddAsked(realm, kept_.List("realms", realm, "kdc"));
  return armor_.PutOn(realm, service_, &outcome_);
}

bool ChangeConversation::GetTicket() {
  AsRequest request(kept_, hooks_, client_.get(), settings_.canonicalize);
  krb5_error_code code = RequestTicket(request);
  if (hooks_.armor_refused()) {
    if (!armor_.Replace(&outcome_)) return false;
    code = RequestTicket(request);
  }
  const std::string realm(View(client_->realm));
  if (!hooks_.other_spelling().empty()) {
    return RefuseSpelling("the KDC was asked for users of " + realm +
                              ", and answers for " + hooks_.other_spelling(),
                          &outcome_);
  }
  return request.CheckPassword(code, answers_, {realm}, &outcome_);
}

krb5_error_code ChangeConversation::RequestTicket(AsRequest& request) {
  armor_.GiveTo(&request);
  return request.ByPassword(answers_, password_service_.get(), &creds_);
}

// DNS may take long, so the wait for it counts as one for the network.
bool ChangeConversation::FindServers() {
  const std::string realm(View(client_->realm));
  if (!change_.LeaveForNetwork(/*proof=*/false))
    return outcome_.Refuse("abandoned");
  {
    const OutsideLibkrb5 outside;
    servers_ = FindPasswordServers(kept_, realm);
  }
  if (!change_.ReturnFromNetwork()) return outcome_.Refuse("abandoned");
  if (!servers_.mistake.empty()) {
    outcome_.Check(context_, "krb5.conf", EINVAL);
    outcome_.message = servers_.mistake + ": " + outcome_.message;
    return false;
  }
  return !servers_.ways.empty() || Check("kpasswd_server", KRB5_REALM_UNKNOWN);
}

// Asks one server after the other until one takes the message. No other server
// gets it after that.
bool ChangeConversation::AskServers() {
  if (change_.interrupt().fd() < 0) return Check("eventfd", EMFILE);
  for (const seconds patience : kPatience) {
    bool silent = false;
    for (const Way& way : servers_.ways) {
      switch (AskServer(way, patience)) {
        case Result::kReplied:
          return true;
        case Result::kLost:
          return outcome_.Refuse("kpasswd", "the connection ended");
        case Result::kStopped:
          return false;
        case Result::kSilent:
          silent = true;
          break;
        case Result::kRefused:
          break;
      }
    }
    if (!silent) break;
  }
  return Check("kpasswd_server", KRB5_KDC_UNREACH);
}

PasswordExchange::Result ChangeConversation::AskServer(const Way& way,
                                                       seconds patience) {
  const std::optional<sockaddr_storage> sender = LocalAddressFor(way);
  if (!sender) return Result::kRefused;
  kpasswd_.emplace(context_);
  std::string request;
  if (!Check("krb5_mk_priv",
             kpasswd_->MakeRequest(creds_.get(), change_.new_password_, *sender,
                                   &request))) {
    return Result::kStopped;
  }
  change_.AddPasswordServer(way.Text());
  outcome_.Refuse("abandoned");
  if (!change_.LeaveForNetwork(/*proof=*/false)) return Result::kStopped;
  Result result = Result::kStopped;
  {
    const OutsideLibkrb5 outside;
    result = exchange_.Run(
        way, request, patience, [this] { return change_.MaySend(); }, &reply_);
  }
  return change_.ReturnFromNetwork() ? result : Result::kStopped;
}

bool ChangeConversation::ReadResult() {
  if (!kpasswd_->ReadReply(reply_, &outcome_)) return false;
  switch (kpasswd_->code()) {
    case Kpasswd::kSuccess:
      return true;
    case Kpasswd::kSoftError:
      return outcome_.Refuse("rejected", kpasswd_->words().c_str());
    case Kpasswd::kAccessDenied:
      return outcome_.Refuse("denied", kpasswd_->words().c_str());
    default:
      outcome_.Refuse("kpasswd_result", kpasswd_->words().c_str());
      outcome_.code = kpasswd_->code();
      return false;
  }
}

}  // namespace kpass
