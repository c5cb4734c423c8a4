// Guards libkrb5's exchanges with KDCs, by its send and receive hooks:
// - one attempt, one count: a password that a KDC refused goes to no other;
// - under armor (armor.h), only an armored reply is a verdict, and only an
//   armored request leaves;
// - a request for a ticket goes to the client's own realm only;
// - forged errors that would crash libkrb5 do not reach it;
// - a reply that makes libkrb5 compute for seconds, or prove the password with
//   a weak key, does not reach it (net/etype_info.h);
// - kpass's transport carries the messages, unless the settings say libkrb5's;
// - the wait for the network counts as outside libkrb5 (exit_gate.h), and takes
//   no slot for computing (compute_slot.h).
//
// https://web.mit.edu/kerberos/krb5-latest/doc/appdev/refs/api/
// krb5_set_kdc_send_hook.html

#ifndef KPASS_KDC_HOOKS_H_
#define KPASS_KDC_HOOKS_H_

#include <krb5/krb5.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/compute_slot.h"
#include "base/context.h"
#include "kerberos/settings.h"
#include "kerberos/trace.h"
#include "net/interrupt.h"
#include "net/message.h"
#include "net/transport.h"

namespace kpass {

// The owner of an exchange. Called on the thread that is in libkrb5.
class Sender {
 public:
  // Called before a message leaves. `proof`: it may prove the password, so a
  // KDC may count it. Returns false if the message must not leave.
  virtual bool LeaveForNetwork(bool proof) = 0;
  // Called after the wait for the reply. Returns false if libkrb5 must give up.
  virtual bool ReturnFromNetwork() = 0;
  // Ends the wait.
  virtual const Interrupt& interrupt() const = 0;

 protected:
  ~Sender() = default;
};

// The hooks are installed while the object lives, on a thread that is inside
// libkrb5 (exit_gate.h). One object serves one password or one key: after a
// refusal it lets no other AS-REQ leave.
class KdcHooks {
 public:
  // All of these must outlive the KdcHooks. `kept` has its context already. If
  // `log` is null, the transport writes no lines.
  KdcHooks(const Settings& settings, const KeptContext& kept, Sender& sender,
           TraceLog* log);
  KdcHooks(const KdcHooks&) = delete;
  KdcHooks& operator=(const KdcHooks&) = delete;
  ~KdcHooks();

  // The source of the client's key. It decides which demands a reply may make.
  enum class Key { kKeytab, kPassword, kPasswordOrWeak };

  // From now on only the realm's primary KDCs are asked, if any are known.
  // libkrb5's own transport does not obey.
  void AskOnlyPrimary() {
    if (transport_) transport_->AskOnlyPrimary();
  }

  // A request for a ticket for this client begins. Before the first one, no
  // AS-REQ leaves. kPasswordOrWeak: RC4 and 3DES are allowed. `armored`: all
  // AS-REQs of this try are armored.
  void BeginTry(krb5_const_principal client, Key key, bool armored);

  // The request ended with `code`. Returns the code that really ended it: if a
  // KDC refused, and the hooks stopped libkrb5's next try, this is the refusal.
  krb5_error_code EndTry(krb5_error_code code) const;

  // After this time, no message of kpass's transport waits for a reply.
  void SetDeadline(Clock::time_point deadline) {
    if (transport_) transport_->SetDeadline(deadline);
  }

  // A KDC has refused a proof of the key, and may have counted it.
  bool proof_refused() const { return refusal_ != 0 || proof_refused_; }
  // The last try was armored, and the KDC did not take its armor. No proof has
  // left.
  bool armor_refused() const { return armor_refused_; }
  // The last try was armored, and the KDC asked for proof as if it had no
  // armor: the realm does not support FAST, or somebody pretends so. No proof
  // has left.
  bool armor_ignored() const { return armor_ignored_; }

  // The number of the last try's AS-REQ that was answered by an AS-REP; 0: none
  // was. Counted under armor only.
  int ticket_at() const { return ticket_at_; }

  // The fault in a reply that ended the last request; empty: there was none.
  const std::string& fault() const { return fault_; }
  // The proof that a KDC has asked for in the last request.
  ProofAsked proof_asked() const { return proof_asked_; }
  // The realm for which a KDC has answered, if that differs in case alone from
  // the client's realm. Empty: no KDC has done so.
  const std::string& other_spelling() const { return other_spelling_; }

 private:
  static krb5_error_code OnSend(krb5_context, void* data,
                                const krb5_data* realm,
                                const krb5_data* message, krb5_data**,
                                krb5_data** reply);
  static krb5_error_code OnReply(krb5_context, void* data, krb5_error_code code,
                                 const krb5_data*, const krb5_data* message,
                                 const krb5_data* reply,
                                 krb5_data** replacement);
  krb5_error_code MayLeave(const krb5_data& realm,
                           const krb5_data& message) const;
  RequestKind KindOfNext(const krb5_data& message);
  krb5_error_code Carry(const krb5_data& realm, const krb5_data& message,
                        krb5_data** reply);
  bool ReenterLibkrb5();
  krb5_error_code ReadReply(const krb5_data& message, const krb5_data& reply,
                            krb5_data** replacement);
  krb5_error_code ReadAsReply(std::string_view reply);
  krb5_error_code CheckSpelling(std::string_view reply);
  krb5_error_code ReadAsError(const krb5_error& error);
  krb5_error_code ReadErrorUnderArmor(krb5_error* error, bool armored,
                                      krb5_data** replacement);
  krb5_error_code ReplaceTgsError(krb5_error* error, bool armored,
                                  krb5_data** replacement);

  const krb5_context context_;
  Sender& sender_;
  std::optional<Transport> transport_;  // none: libkrb5's own
  std::optional<ComputeSlot> slot_;     // while a key is made of the password
  std::string client_realm_;
  std::string other_spelling_;
  Key key_ = Key::kKeytab;
  bool armored_ = false;
  int as_reqs_ = 0;                         // of this try
  RequestKind kind_ = RequestKind::kOther;  // of the last message
  int ticket_at_ = 0;
  bool proof_refused_ = false;
  bool armor_refused_ = false;
  bool armor_ignored_ = false;
  std::string fault_;
  ProofAsked proof_asked_ = ProofAsked::kNone;

  // One attempt, one count: with either of these, no further AS-REQ leaves.
  // (The transport decides which KDC gets the proof.)
  krb5_error_code refusal_ = 0;  // a KDC answered; no other is asked
  bool ended_ = false;           // this try ended in any error
};

}  // namespace kpass

#endif  // KPASS_KDC_HOOKS_H_
