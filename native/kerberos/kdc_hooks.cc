#include "kerberos/kdc_hooks.h"

#include <errno.h>

#include <algorithm>
#include <new>
#include <string_view>

#include "base/exit_gate.h"
#include "base/krb5_ptr.h"
#include "base/view.h"
#include "kerberos/enctypes.h"
#include "kerberos/realms.h"
#include "net/etype_info.h"

namespace kpass {
namespace {

// KRB_ERR_GENERIC, which is no verdict.
constexpr krb5_ui_4 kGeneric = KRB5KRB_ERR_GENERIC - ERROR_TABLE_BASE_krb5;

// The errors of RFC 4120, 7.5.9 that are a verdict on a user.
bool IsAboutClient(krb5_ui_4 error) {
  switch (static_cast<krb5_error_code>(error) + ERROR_TABLE_BASE_krb5) {
    case KRB5KDC_ERR_NAME_EXP:
    case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
    case KRB5KDC_ERR_NULL_KEY:
    case KRB5KDC_ERR_POLICY:
    case KRB5KDC_ERR_PADATA_TYPE_NOSUPP:
    case KRB5KDC_ERR_CLIENT_REVOKED:
    case KRB5KDC_ERR_CLIENT_NOTYET:
    case KRB5KDC_ERR_KEY_EXP:
    case KRB5KDC_ERR_PREAUTH_FAILED:
    case KRB5KDC_ERR_PREAUTH_REQUIRED:
    case KRB5KDC_ERR_MORE_PREAUTH_DATA_REQUIRED:
      return true;
    default:
      return false;
  }
}

bool Is(MessageType type, const krb5_data& data) {
  return kpass::Is(type, View(data));
}

bool IsRefusal(krb5_error_code code) {
  return code == KRB5KDC_ERR_PREAUTH_FAILED ||
         code == KRB5KRB_AP_ERR_BAD_INTEGRITY;
}

// The errors by which a KDC says that it does not take the armor's ticket, or
// not the authenticator with it (RFC 6113, 5.4.2): the KDC has another key (31,
// 41, 44), the ticket is for another realm (35), or a clock is wrong (32, 37).
bool IsAboutArmor(krb5_error_code code) {
  return code == KRB5KRB_AP_ERR_BAD_INTEGRITY ||
         code == KRB5KRB_AP_ERR_TKT_EXPIRED || code == KRB5KRB_AP_ERR_NOT_US ||
         code == KRB5KRB_AP_ERR_SKEW || code == KRB5KRB_AP_ERR_MODIFIED ||
         code == KRB5KRB_AP_ERR_BADKEYVER;
}

// The fault in words for an operator. Empty if libkrb5 may have the reply.
std::string FaultIn(const EtypeInfo& info, bool weak_allowed) {
  using Verdict = EtypeInfo::Verdict;
  switch (info.verdict) {
    case Verdict::kIterations:
      return "the reply asks for " + std::to_string(info.iterations) +
             " iterations to make a key (" + EnctypeName(info.etype) +
             "), which is out of bounds: the KDC is misconfigured, or an "
             "impostor answers";
    case Verdict::kParameters:
      return "the reply has parameters that no key can be made with (" +
             EnctypeName(info.etype) + ")";
    case Verdict::kUnreadable:
      return "the reply's ETYPE-INFO2 cannot be read";
    case Verdict::kNone:
    case Verdict::kAcceptable:
      break;
  }
  if (weak_allowed || !info.only_weak()) return {};
  return "the reply asks for a key of " + EnctypeName(info.etypes.front()) +
         " only, which kpass did not offer: an impostor answers, or the "
         "account "
         "has no newer key. A new password gives it one; or name the type in "
         "krb5.conf's permitted_enctypes";
}

}  // namespace

KdcHooks::KdcHooks(const Settings& settings, const KeptContext& kept,
                   Sender& sender, TraceLog* log)
    : context_(kept.context()), sender_(sender) {
  if (!settings.libkrb5_transport) {
    transport_.emplace(kept, sender.interrupt(),
                       log == nullptr ? nullptr : log->ForTransport());
  }
  krb5_set_kdc_send_hook(context_, OnSend, this);
  krb5_set_kdc_recv_hook(context_, OnReply, this);
}

// The context is kept for the next exchange, which has hooks of its own.
KdcHooks::~KdcHooks() {
  krb5_set_kdc_send_hook(context_, nullptr, nullptr);
  krb5_set_kdc_recv_hook(context_, nullptr, nullptr);
}

void KdcHooks::BeginTry(krb5_const_principal client, Key key, bool armored) {
  client_realm_ = View(client->realm);
  key_ = key;
  armored_ = armored;
  as_reqs_ = 0;
  ticket_at_ = 0;
  armor_refused_ = false;
  armor_ignored_ = false;
  fault_.clear();
  proof_asked_ = ProofAsked::kNone;
  ended_ = false;
  if (transport_) transport_->BeginTry();
}

krb5_error_code KdcHooks::EndTry(krb5_error_code code) const {
  return code == KRB5_KDC_UNREACH && refusal_ != 0 ? refusal_ : code;
}

// libkrb5 calls this before it sends a message to a KDC.
krb5_error_code KdcHooks::OnSend(krb5_context, void* data,
                                 const krb5_data* realm,
                                 const krb5_data* message, krb5_data**,
                                 krb5_data** reply) {
  auto* self = static_cast<KdcHooks*>(data);
  const krb5_error_code code = self->MayLeave(*realm, *message);
  if (code != 0) return code;
  self->kind_ = self->KindOfNext(*message);
  self->slot_.reset();
  const bool proof = self->kind_ == RequestKind::kAsReqWithProof;
  if (!self->sender_.LeaveForNetwork(proof)) return KRB5_KDC_UNREACH;
  ExitGate::Leave();
  return self->transport_ ? self->Carry(*realm, *message, reply) : 0;
}

// 0, or the error that libkrb5 gets in place of a reply.
krb5_error_code KdcHooks::MayLeave(const krb5_data& realm,
                                   const krb5_data& message) const {
  if (!Is(MessageType::kAsReq, message)) return 0;
  // With canonicalization, a KDC or its impostor may refer the client to
  // another realm. Nothing that the password encrypts is sent there.
  if (View(realm) != client_realm_) return KRB5KDC_ERR_WRONG_REALM;
  // The settings decide whether a login is armored, and no KDC's reply.
  if (armored_ && !HasArmor(View(message))) return KRB5_ERR_FAST_REQUIRED;
  // After an error libkrb5 begins again at the primary KDC, where a wrong
  // password would count once more toward a lockout. If no KDC answers, libkrb5
  // returns the first error.
  return refusal_ != 0 || ended_ ? KRB5_KDC_UNREACH : 0;
}

// Under armor, the order tells which message may hold a proof. All look the
// same from outside, and the first one only asks which proof the KDC wants.
RequestKind KdcHooks::KindOfNext(const krb5_data& message) {
  const RequestKind kind = KindOf(View(message));
  if (!armored_ || kind == RequestKind::kOther) return kind;
  return ++as_reqs_ == 1 ? RequestKind::kAsReq : RequestKind::kAsReqWithProof;
}

// libkrb5 calls this after its own transport has a reply or an error.
krb5_error_code KdcHooks::OnReply(krb5_context, void* data,
                                  krb5_error_code code, const krb5_data*,
                                  const krb5_data* message,
                                  const krb5_data* reply,
                                  krb5_data** replacement) {
  auto* self = static_cast<KdcHooks*>(data);
  if (!self->ReenterLibkrb5()) return KRB5_KDC_UNREACH;
  return code != 0 ? code : self->ReadReply(*message, *reply, replacement);
}

// With the reply to the first AS-REQ, libkrb5 makes a key of the password. It
// keeps that key for the next AS-REQs.
bool KdcHooks::ReenterLibkrb5() {
  if (kind_ == RequestKind::kAsReq) slot_.emplace();
  ExitGate::Enter();
  return sender_.ReturnFromNetwork();
}

// If Carry() gives neither a reply nor an error, libkrb5 carries the message
// itself.
krb5_error_code KdcHooks::Carry(const krb5_data& realm,
                                const krb5_data& message, krb5_data** reply) {
  std::optional<Delivery> delivery;
  try {
    delivery =
        transport_->Carry(std::string(View(realm)), View(message), kind_);
  } catch (const std::bad_alloc&) {  // no exception may pass through libkrb5
    delivery = Delivery{ENOMEM, {}, {}};
  }
  if (!delivery) return 0;
  // Such a reply ends the try only here, because kpass's transport has asked
  // the primary KDC itself. libkrb5's transport has not.
  if (delivery->kind != RequestKind::kOther) {
    ended_ = EndsAsExchange(delivery->reply);
  }
  if (!ReenterLibkrb5()) return KRB5_KDC_UNREACH;
  if (delivery->code != 0) return delivery->code;
  krb5_data bytes = {};
  bytes.data = delivery->reply.data();
  bytes.length = static_cast<unsigned>(delivery->reply.size());
  const krb5_error_code code = ReadReply(message, bytes, reply);
  if (code != 0 || *reply != nullptr) return code;
  return krb5_copy_data(context_, &bytes, reply);
}

// The transport has read the error's number as well. ReadReply() reads the
// number as libkrb5 will: the two may differ about bytes that are not quite
// DER.
krb5_error_code KdcHooks::ReadReply(const krb5_data& message,
                                    const krb5_data& reply,
                                    krb5_data** replacement) {
  const bool as_reply = Is(MessageType::kAsReq, message);
  // Under armor, the outer realm and the outer ETYPE-INFO2 are nobody's word,
  // and libkrb5 does not read them.
  if (as_reply && !armored_) {
    krb5_error_code code = CheckSpelling(View(reply));
    if (code == 0) code = ReadAsReply(View(reply));
    if (code != 0) return code;
  }
  if (as_reply && Is(MessageType::kAsRep, reply)) ticket_at_ = as_reqs_;
  if (!Is(MessageType::kKrbError, reply)) return 0;
  KrbError error(context_);
  if (krb5_rd_error(context_, &reply, error.Out()) != 0) return 0;
  if (error->error > kLastProtocolError) return KRB5KRB_AP_ERR_MSG_TYPE;
  const bool armored = HasArmor(View(reply));
  if (!as_reply) return ReplaceTgsError(error.get(), armored, replacement);
  return armored_ ? ReadErrorUnderArmor(error.get(), armored, replacement)
                  : ReadAsError(*error.get());
}

// Reads the reply before libkrb5 computes with it. Later, libkrb5 could neither
// be stopped nor take back a proof that it has sent. Anybody can forge these
// replies, so they are the KDC's fault and no verdict on the user.
krb5_error_code KdcHooks::ReadAsReply(std::string_view reply) {
  if (key_ == Key::kKeytab) return 0;
  try {
    const EtypeInfo info = ReadEtypeInfo(reply);
    fault_ = FaultIn(info, key_ == Key::kPasswordOrWeak);
    proof_asked_ = std::max(proof_asked_, ProofAskedIn(reply));
  } catch (const std::bad_alloc&) {  // no exception may pass through libkrb5
    return ENOMEM;
  }
  if (fault_.empty()) return 0;
  ended_ = true;
  return KRB5_KDCREP_MODIFIED;
}

// Active Directory answers for EXAMPLE.COM when it is asked for example.com.
// Without canonicalization, libkrb5 takes that for a forgery.
krb5_error_code KdcHooks::CheckSpelling(std::string_view reply) {
  const auto realm = ClientRealm(reply);
  if (!realm || *realm == client_realm_ ||
      !SameApartFromCase(*realm, client_realm_)) {
    return 0;
  }
  try {
    other_spelling_ = *realm;
  } catch (const std::bad_alloc&) {  // no exception may pass through libkrb5
    return ENOMEM;
  }
  refusal_ = KRB5KDC_ERR_WRONG_REALM;
  return refusal_;
}

krb5_error_code KdcHooks::ReadAsError(const krb5_error& error) {
  const auto code =
      static_cast<krb5_error_code>(ERROR_TABLE_BASE_krb5 + error.error);
  if (IsRefusal(code)) refusal_ = code;
  return 0;
}

// The outer number of an error is nobody's word, and libkrb5 believes it if the
// inner one is missing or does not decrypt. So it is replaced by 60, which is
// no verdict. Inner numbers go on to libkrb5, which returns them.
//
// The outer number of an armored error is a hint: a refusal ends the try, so
// that libkrb5 sends no second proof. It is not kept as the refusal.
krb5_error_code KdcHooks::ReadErrorUnderArmor(krb5_error* error, bool armored,
                                              krb5_data** replacement) {
  const auto code =
      static_cast<krb5_error_code>(ERROR_TABLE_BASE_krb5 + error->error);
  // Sent without armor: the reply is too big for UDP.
  if (code == KRB5KRB_ERR_RESPONSE_TOO_BIG) return 0;
  if (armored) {
    if (IsRefusal(code)) ended_ = proof_refused_ = true;
  } else {
    ended_ = true;
    armor_refused_ = as_reqs_ == 1 && IsAboutArmor(code);
    armor_ignored_ = as_reqs_ == 1 && code == KRB5KDC_ERR_PREAUTH_REQUIRED;
  }
  error->error = kGeneric;
  Data bare(context_);
  const krb5_error_code made = krb5_mk_error(context_, error, bare.Out());
  return made != 0 ? made : krb5_copy_data(context_, bare.get(), replacement);
}

// libkrb5 adds the error's number, 32 bits that a stranger chose, to its
// table's base. One number makes the sum 0. krb5_get_credentials takes that for
// success, and dereferences a ticket that it does not have. ReadReply() stops
// that number. But the maker of the TGT can also put the number into e-data
// (RFC 6113, 5.4.4), and libkrb5 prefers that one to the outer one. So e-data
// is left out.
//
// After an armored login, the maker of the TGT is the realm's KDC, and its
// errors may be armored too. Then the inner number is its word. Without armor,
// an error is no verdict on the user.
krb5_error_code KdcHooks::ReplaceTgsError(krb5_error* error, bool armored,
                                          krb5_data** replacement) {
  const bool trusted = armored_ && armored;
  if (!trusted) error->e_data.length = 0;
  if (trusted || (armored_ && IsAboutClient(error->error))) {
    error->error = kGeneric;
  }
  Data bare(context_);
  const krb5_error_code code = krb5_mk_error(context_, error, bare.Out());
  return code != 0 ? code : krb5_copy_data(context_, bare.get(), replacement);
}

}  // namespace kpass
