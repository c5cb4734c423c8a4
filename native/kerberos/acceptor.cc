// One accept, in the order of Reception::Hold().
//
// krb5_rd_req decrypts the ticket and the authenticator, and compares them with
// each other and with the clock. This file makes all other checks.

#include "kerberos/acceptor.h"

#include <list>

#include "base/krb5_ptr.h"
#include "base/little_endian.h"
#include "base/view.h"
#include "kerberos/replays.h"
#include "kerberos/service.h"
#include "kerberos/spnego.h"
#include "kerberos/user.h"

namespace kpass {
namespace {

using Authenticator = Krb5Ptr<krb5_authenticator*, krb5_free_authenticator>;
using Ticket = Krb5Ptr<krb5_ticket*, krb5_free_ticket>;
using Checksum = Krb5Value<krb5_checksum, krb5_free_checksum_contents>;

// The checksum of RFC 4121, 4.1.1, in little-endian order: the size of the
// bindings, the bindings, the flags. kpass ignores the rest.
constexpr size_t kBindingsAt = 4;
constexpr size_t kFlagsAt = 20;
constexpr size_t kLeastChecksum = 24;
constexpr uint32_t kMutualFlag = 2;

// RFC 4120, 7.5.1 reserves 512 to 1023 for an implementation's own use.
constexpr krb5_keyusage kReplayUsage = 1023;

// krb5_rd_req takes an authenticator for at most twice the clockskew. kGrace is
// for a clock that is set back meanwhile. kClockskew: libkrb5's default.
constexpr std::chrono::seconds kClockskew{300};
constexpr std::chrono::seconds kGrace{300};

// The time for which RememberedName remembers.
constexpr std::chrono::seconds kNameLife{60};

// Whether the ticket may be for another one of the services.
bool MayBeAnothers(krb5_error_code code) {
  switch (code) {
    case KRB5KRB_AP_ERR_NOT_US:
    case KRB5KRB_AP_ERR_NOKEY:
    case KRB5KRB_AP_ERR_BADKEYVER:
    case KRB5KRB_AP_ERR_BAD_INTEGRITY:
      return true;
    default:
      return false;
  }
}

// The state of one accept. Each step returns whether to go on, and fills
// `acceptance_` if not.
class Reception {
 public:
  Reception(const AcceptorSettings& settings, std::string_view token,
            const std::optional<std::string>& bindings, const KeptContext& kept)
      : settings_(settings),
        bytes_(token),
        bindings_(bindings),
        kept_(kept),
        context_(kept.context()),
        auth_context_(context_),
        ticket_(context_),
        authenticator_(context_) {}

  Acceptance Hold() {
    TraceLog trace;
    {
      const Traced traced(context_,
                          settings_.common().trace ? &trace : nullptr);
      if (FindServices() && OpenKeytabs() &&
          ((ReadToken() && ReadTicket()) || BlameKeytab()) && ReadChecksum() &&
          CheckClient() && CheckBindings() && MakeReply() && TakeOnce()) {
        Grant();
      }
    }
    acceptance_.trace = trace.Take();
    return std::move(acceptance_);
  }

 private:
  bool FindServices();
  bool OpenKeytabs();
  bool ReadToken();
  bool ReadTicket();
  bool BlameKeytab();
  bool ReadChecksum();
  bool CheckClient();
  bool CheckBindings();
  bool MakeReply();
  bool TakeOnce();
  void Grant();

  bool FindService(Service& service, const Settings& settings);
  krb5_error_code ReadTicketFor(const Service& service);

  bool Check(const char* step, krb5_error_code code) {
    return acceptance_.Check(context_, step, code);
  }
  bool Refuse(const char* step, const char* words) {
    return acceptance_.Refuse(step, words);
  }

  const AcceptorSettings& settings_;
  const std::string_view bytes_;
  const std::optional<std::string>& bindings_;
  const KeptContext& kept_;
  const krb5_context context_;
  std::list<Service> services_;
  NegotiateToken token_;
  AuthContext auth_context_;
  krb5_flags options_ = 0;
  Ticket ticket_;
  Authenticator authenticator_;
  std::string_view clients_bindings_;  // their hash; zeros: none
  uint32_t flags_ = 0;
  std::string principal_;  // the client's
  bool bound_ = false;
  std::string reply_;
  Acceptance acceptance_;
};

bool Reception::FindServices() {
  for (const Ref<Settings>& each : settings_.services) {
    Service& service = services_.emplace_back(context_, *each);
    const bool found = FindService(service, *each);
    acceptance_.service = service.name();
    if (!found) return false;
  }
  return true;
}

bool Reception::FindService(Service& service, const Settings& settings) {
  if (settings_.any_host) return service.FindAnyHost(&acceptance_);
  if (settings.host) return service.FindName(&acceptance_);
  if (const auto name = settings_.own_name.Get()) {
    return service.TakeName(*name, &acceptance_);
  }
  if (!service.FindName(&acceptance_)) return false;
  settings_.own_name.Put(service.name());
  return true;
}

bool Reception::OpenKeytabs() {
  for (Service& service : services_) {
    const bool opened = service.OpenKeytab(&acceptance_);
    acceptance_.keytab = service.keytab_name();
    if (!opened) return false;
  }
  return true;
}

bool Reception::ReadToken() {
  token_ = kpass::ReadToken(bytes_);
  switch (token_.kind) {
    case NegotiateToken::Kind::kKerberos:
      return true;
    case NegotiateToken::Kind::kOtherMechanism:
      return Refuse("mechanism",
                    "the client's first mechanism is not Kerberos");
    default:
      return Refuse("token", "not a token of SPNEGO's or Kerberos'");
  }
}

bool Reception::ReadTicket() {
  krb5_error_code noted = 0;
  for (const Service& service : services_) {
    const krb5_error_code code = ReadTicketFor(service);
    if (code == 0) {
      acceptance_.keytab_exposed =
          settings_.look_at_keytab.IsDue() && service.keytab_exposed();
      return true;
    }
    // The most useful message is about the service that the ticket names.
    if (noted == 0 || noted == KRB5KRB_AP_ERR_NOT_US || !MayBeAnothers(code)) {
      Check("krb5_rd_req", code);
      noted = code;
    }
    if (!MayBeAnothers(code)) return false;
  }
  return false;
}

// Looks for the keys after a failure: krb5_rd_req reports an unreadable keytab
// as the client's fault. If no service has a key, it is the operator's. Returns
// false.
bool Reception::BlameKeytab() {
  NativeReport report;
  bool found = false;
  for (Service& service : services_) {
    if (!service.FindKey(&report)) continue;
    found = true;
    acceptance_.keytab_exposed = service.keytab_exposed();
  }
  if (!found) static_cast<NativeReport&>(acceptance_) = report;
  return false;
}

krb5_error_code Reception::ReadTicketFor(const Service& service) {
  krb5_error_code code = krb5_auth_con_init(context_, auth_context_.Out());
  if (code != 0) return code;
  // KRB5_AUTH_CONTEXT_DO_TIME would open MIT's replay cache, which is a file.
  // krb5_rd_req checks the authenticator's time without it, too. The two flags
  // here are for the reply, as in MIT's own acceptor.
  code = krb5_auth_con_setflags(
      context_, auth_context_.get(),
      KRB5_AUTH_CONTEXT_DO_SEQUENCE | KRB5_AUTH_CONTEXT_USE_SUBKEY);
  if (code != 0) return code;
  krb5_auth_context auth_context = auth_context_.get();
  const krb5_data ap_req = DataOf(token_.ap_req);
  // Without a service, krb5_rd_req takes a ticket for any service that has a
  // key in the keytab.
  return krb5_rd_req(context_, &auth_context, &ap_req, service.principal(),
                     service.keytab(), &options_, ticket_.Out());
}

// RFC 4121, 4.1.1. krb5_rd_req takes an authenticator without a checksum, or
// with another one: it may have been made for another protocol.
bool Reception::ReadChecksum() {
  if ((options_ & AP_OPTS_USE_SESSION_KEY) != 0) {
    return Refuse("token", "a ticket for user-to-user authentication");
  }
  if (!Check("krb5_auth_con_getauthenticator",
             krb5_auth_con_getauthenticator(context_, auth_context_.get(),
                                            authenticator_.Out()))) {
    return false;
  }
  const krb5_checksum* const checksum = authenticator_->checksum;
  if (checksum == nullptr || checksum->checksum_type != kContextChecksum ||
      checksum->length < kLeastChecksum ||
      LittleEndian(checksum->contents) != kBindingsSize) {
    return Refuse("checksum", "no checksum of GSS-API's, or a malformed one");
  }
  clients_bindings_ = {
      reinterpret_cast<const char*>(checksum->contents) + kBindingsAt,
      kBindingsSize};
  flags_ = LittleEndian(checksum->contents + kFlagsAt);
  return true;
}

// krb5_rd_req takes a client of any name and of any realm.
bool Reception::CheckClient() {
  const krb5_enc_tkt_part& part = *ticket_->enc_part2;
  if ((part.flags & TKT_FLG_ANONYMOUS) != 0) {
    return Refuse("client", "an anonymous ticket");
  }
  return NameOfClient(context_, part.client, settings_.common().realms,
                      std::string(View(ticket_->server->realm)), &principal_,
                      &acceptance_);
}

bool Reception::CheckBindings() {
  return kpass::CheckBindings(context_, settings_.bindings, bindings_,
                              clients_bindings_, *authenticator_.get(), &bound_,
                              &acceptance_);
}

bool Reception::MakeReply() {
  Data ap_rep(context_);
  if ((options_ & AP_OPTS_MUTUAL_REQUIRED) != 0 ||
      (flags_ & kMutualFlag) != 0) {
    const krb5_error_code code =
        krb5_mk_rep(context_, auth_context_.get(), ap_rep.Out());
    if (code != 0) ap_rep.Forget();
    if (!Check("krb5_mk_rep", code)) return false;
  }
  reply_ = ReplyTo(token_, View(*ap_rep.get()));
  return true;
}

// Knows an authenticator by its decrypted fields: nobody can change them
// without the ticket's key. The message around them can be encoded in several
// ways. Replays gets a code that is made with that key.
bool Reception::TakeOnce() {
  if (!settings_.once) return true;
  const krb5_authenticator& made = *authenticator_.get();
  std::string text;
  AppendLittleEndian(static_cast<uint32_t>(made.ctime), &text);
  AppendLittleEndian(static_cast<uint32_t>(made.cusec), &text);
  AppendLittleEndian(made.seq_number, &text);
  text.append(reinterpret_cast<const char*>(made.checksum->contents),
              made.checksum->length);
  if (made.subkey != nullptr) {
    text.append(reinterpret_cast<const char*>(made.subkey->contents),
                made.subkey->length);
  }
  const krb5_data data = DataOf(text);
  Checksum tag(context_);
  const krb5_error_code code = krb5_c_make_checksum(
      context_, 0, ticket_->enc_part2->session, kReplayUsage, &data, tag.Out());
  if (code != 0) tag.Forget();
  if (!Check("krb5_c_make_checksum", code)) return false;
  const std::chrono::seconds life =
      2 * kept_.Duration("clockskew", kClockskew) + kGrace;
  const bool fresh = Replays::OfProcess().Take(
      {reinterpret_cast<const char*>(tag->contents), tag->length}, life);
  return fresh || Refuse("replay", "a token that was accepted already");
}

// The only place that accepts a token.
void Reception::Grant() {
  acceptance_.step = "";
  acceptance_.code = 0;
  acceptance_.message.clear();
  acceptance_.principal = std::move(principal_);
  acceptance_.realm = View(ticket_->enc_part2->client->realm);
  acceptance_.reply = std::move(reply_);
  acceptance_.bound = bound_;
  acceptance_.accepted = true;
}

}  // namespace

std::optional<std::string> RememberedName::Get() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (std::chrono::steady_clock::now() >= end_) return std::nullopt;
  return name_;
}

void RememberedName::Put(std::string name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  name_ = std::move(name);
  end_ = std::chrono::steady_clock::now() + kNameLife;
}

bool Seldom::IsDue() {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (now < next_) return false;
  next_ = now + kPeriod;
  return true;
}

Acceptance Accept(const AcceptorSettings& settings, std::string_view token,
                  const std::optional<std::string>& bindings,
                  KeptContext& kept) {
  Acceptance acceptance;
  if (kept.Get(settings.common().config, &acceptance) == nullptr) {
    return acceptance;
  }
  return Reception(settings, token, bindings, kept).Hold();
}

}  // namespace kpass
