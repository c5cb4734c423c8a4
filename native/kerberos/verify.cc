// The Kerberos conversation, top to bottom: Conversation::Hold is its order.
//
// RFC 4120; https://web.mit.edu/kerberos/krb5-latest/doc/appdev/init_creds.html

#include "kerberos/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <profile.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/exit_gate.h"
#include "base/file_status.h"
#include "base/krb5_ptr.h"
#include "base/platform.h"
#include "base/turn.h"
#include "net/message.h"
#include "net/site.h"

namespace kpass {
namespace {

// Asked for, in seconds. With five minutes or less, krb5_verify_init_creds
// fails whenever the second ticks over: it wants five minutes still to come.
constexpr krb5_deltat kTicketLife = 600;

constexpr size_t kMaxUserBytes = 256;
constexpr size_t kMaxPasswordBytes = 1024;
constexpr size_t kMaxHostName = 255;  // of macOS; Linux has 64
constexpr size_t kDeadStack =
    size_t{32} * 1024;                   // deeper than libkrb5 computes
constexpr size_t kMaxKeytabName = 1100;  // MAX_KEYTAB_NAME_LEN, not public

// Of a trace: a hostile KDC can keep libkrb5 talking.
constexpr size_t kMaxTraceLines = 1000;
constexpr size_t kMaxTraceLine = 1000;

// The last number that libkrb5's table has for an error of the protocol.
constexpr krb5_ui_4 kMaxProtocolError = 127;

// What has been computed with the password leaves pieces of it on the stack,
// below the frames that are still in use: buffers of libkrb5 (RC4, DES3), and
// vector registers, which the dynamic linker saves there when it binds a
// function at its first call.
[[gnu::noinline]] void WipeDeadStack() {
  char dead[kDeadStack];
  Wipe(dead, sizeof dead);
}

std::string_view View(const krb5_data& data) {
  return {data.data, data.length};
}

bool Is(MessageType type, const krb5_data& data) {
  return kpass::Is(type, View(data));
}

}  // namespace

// libkrb5 takes the password as a C string: "right\0junk" would pass.
bool Verification::PasswordWellFormed() const {
  const size_t size = password_.size();
  if (size == 0 || size > kMaxPasswordBytes) return false;
  // Byte by byte: strlen() leaves pieces in vector registers, which the dynamic
  // linker may save on the stack when that has been wiped already.
  const volatile char* const bytes = password_.c_str();
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] == '\0') return false;
  }
  return true;
}

bool Verification::Begin() {
  const std::lock_guard<std::mutex> lock(mutex_);
  computing_ = !abandoned_;
  if (computing_) interrupt_.emplace();
  return computing_;
}

void Verification::End() {
  const std::lock_guard<std::mutex> lock(mutex_);
  computing_ = false;
  interrupt_.reset();
  password_.Wipe();
  WipeDeadStack();
}

void Verification::Ask(std::string service, std::string realm,
                       std::string kdcs) {
  const std::lock_guard<std::mutex> lock(mutex_);
  asked_.service = std::move(service);
  asked_.realm = std::move(realm);
  asked_.kdcs = std::move(kdcs);
}

void Verification::Note(const char* line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Trace& trace = asked_.trace;
  if (abandoned_ || trace.size() == kMaxTraceLines) return;
  trace.emplace_back(line, strnlen(line, kMaxTraceLine));
}

Trace Verification::TakeTrace() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::move(asked_.trace);
}

// Once abandoned, neither lets the conversation go on.
bool Verification::LeaveForNetwork() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (abandoned_) return false;
  computing_ = false;
  WipeDeadStack();
  return true;
}

bool Verification::ReturnFromNetwork() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (abandoned_) return false;
  computing_ = true;
  return true;
}

Asked Verification::Abandon() {
  const std::lock_guard<std::mutex> lock(mutex_);
  abandoned_ = true;
  if (interrupt_) interrupt_->Raise();
  if (!computing_) password_.Wipe();
  return std::move(asked_);
}

// The state of one conversation. Every step returns whether to go on, and has
// noted in `outcome_` why not.
class Conversation {
 public:
  Conversation(Verification& verification, const KeptContext& kept,
               krb5_context context)
      : verification_(verification),
        settings_(verification.settings()),
        kept_(kept),
        context_(context),
        service_(context),
        client_(context),
        keytab_(context),
        creds_(context) {
    if (settings_.libkrb5_transport) return;
    transport_.emplace(kept, *verification.interrupt_, NoteOf(verification));
  }

  Outcome Hold() {
    const Traced traced(context_, settings_.trace ? &verification_ : nullptr);
    const Hooked hooked(context_, this);
    (void)(NameService() && NameClient() && OpenKeytab() && GetTicket() &&
           CheckClient() && VerifyTicket());
    return std::move(outcome_);
  }

 private:
  // The hooks are on for one conversation: the context is kept for the next.
  class Hooked {
   public:
    Hooked(krb5_context context, Conversation* conversation)
        : context_(context) {
      krb5_set_kdc_send_hook(context_, OnSend, conversation);
      krb5_set_kdc_recv_hook(context_, OnReply, conversation);
    }
    Hooked(const Hooked&) = delete;
    Hooked& operator=(const Hooked&) = delete;
    ~Hooked() {
      krb5_set_kdc_send_hook(context_, nullptr, nullptr);
      krb5_set_kdc_recv_hook(context_, nullptr, nullptr);
    }

   private:
    krb5_context context_;
  };

  // libkrb5 says what it does, where that was asked for. (It then no longer
  // says so to KRB5_TRACE's file, with this context.)
  class Traced {
   public:
    Traced(krb5_context context, Verification* verification)
        : context_(verification != nullptr ? context : nullptr) {
      if (context_ == nullptr) return;
      (void)krb5_set_trace_callback(context_, OnTrace, verification);
    }
    Traced(const Traced&) = delete;
    Traced& operator=(const Traced&) = delete;
    ~Traced() {
      if (context_ == nullptr) return;
      (void)krb5_set_trace_callback(context_, nullptr, nullptr);
    }

   private:
    krb5_context context_;
  };

  bool NameService();
  bool NameClient();
  bool OpenKeytab();
  bool GetTicket();
  bool CheckClient();
  bool VerifyTicket();

  krb5_error_code RequestTicket(const char* service);
  krb5_error_code LocalHost(std::string* host);
  krb5_error_code RealmOf(const std::string& host, std::string* realm);
  void NoteKeytabMode();
  void NoteAsked(const std::string& realm);

  bool Check(const char* step, krb5_error_code code);
  bool CheckExchange(const char* step, krb5_error_code code);
  bool Refuse(const char* step);

  static MessageLog NoteOf(Verification& verification);
  static void OnTrace(krb5_context, const krb5_trace_info* info, void* data);
  static krb5_error_code OnSend(krb5_context, void* data,
                                const krb5_data* realm,
                                const krb5_data* message, krb5_data**,
                                krb5_data** reply);
  static krb5_error_code OnReply(krb5_context, void* data, krb5_error_code code,
                                 const krb5_data*, const krb5_data* message,
                                 const krb5_data* reply,
                                 krb5_data** replacement);
  krb5_error_code Carry(const krb5_data& realm, const krb5_data& message,
                        krb5_data** reply);
  bool Return(RequestKind kind);
  krb5_error_code ReadReply(const krb5_data& message, const krb5_data& reply,
                            krb5_data** replacement);
  krb5_error_code ReadAsError(const krb5_data& reply);
  krb5_error_code ReadTgsError(const krb5_data& reply, krb5_data** replacement);

  Verification& verification_;
  const Settings& settings_;
  const KeptContext& kept_;
  krb5_context context_;
  Principal service_;
  std::string service_realm_;
  Principal client_;
  Keytab keytab_;
  Creds creds_;
  std::optional<Transport> transport_;  // none: libkrb5's
  std::optional<Turn> turn_;            // while a key is made of the password
  krb5_error_code refusal_ = 0;  // a KDC has refused the password, with this
  Outcome outcome_;
};

Outcome Verification::Run(KeptContext& kept) {
  struct Ended {  // on every path, that of a failed allocation included
    Verification& verification;
    ~Ended() { verification.End(); }
  };
  Outcome outcome;
  outcome.step = "abandoned";
  if (!Begin()) return outcome;
  const Ended ended{*this};

  ContextError error;
  if (!PasswordWellFormed()) {
    outcome.step = "input";
  } else if (krb5_context context = kept.Get(settings_->config, &error)) {
    outcome = Conversation(*this, kept, context).Hold();
    outcome.trace = TakeTrace();
  } else {
    outcome.step = error.step;
    outcome.code = error.code;
    outcome.message = std::move(error.message);
  }
  return outcome;
}

// service/host@REALM, put together here and not by krb5_sname_to_principal,
// which sends the host through DNS. Parsed as a plain name, not as a host-based
// service: libkrb5 tries other hosts' keys for those, as krb5.conf tells it.
bool Conversation::NameService() {
  std::string host;
  if (settings_.host) {
    host = *settings_.host;
  } else if (!Check("krb5_expand_hostname", LocalHost(&host))) {
    return false;
  }
  std::transform(host.begin(), host.end(), host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  outcome_.service = settings_.service + "/" + host;
  if (!Check("krb5_get_host_realm", RealmOf(host, &service_realm_))) {
    outcome_.message += settings_.config.Names();
    return false;
  }

  outcome_.service += "@" + service_realm_;
  outcome_.realm = service_realm_;
  const krb5_error_code code =
      krb5_parse_name(context_, outcome_.service.c_str(), service_.Out());
  if (!Check("krb5_parse_name", code)) return false;
  // A separator or an escape within one of the parts makes another name of it.
  const bool as_meant = service_->length == 2 &&
                        View(service_->data[0]) == settings_.service &&
                        View(service_->data[1]) == host;
  return as_meant || Check("krb5_parse_name", KRB5_PARSE_MALFORMED);
}

krb5_error_code Conversation::LocalHost(std::string* host) {
  std::string name(kMaxHostName + 1, '\0');
  if (gethostname(name.data(), name.size()) != 0) return errno;
  Text canonical(context_);
  const krb5_error_code code =
      krb5_expand_hostname(context_, name.c_str(), canonical.Out());
  if (code == 0) *host = canonical.get();
  return code;
}

// What [domain_realm] says, or the default realm. Never a guess from DNS.
krb5_error_code Conversation::RealmOf(const std::string& host,
                                      std::string* realm) {
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

// A name without a realm is of the service's realm, if that is one of those
// that may log in, and otherwise of the first that may. A realm that may not is
// refused here: libkrb5 would look up its KDC and talk to it.
bool Conversation::NameClient() {
  const std::vector<std::string> own{service_realm_};
  const std::vector<std::string>& realms =
      settings_.realms.empty() ? own : settings_.realms;
  const auto allowed = [&realms](const std::string& realm) {
    return std::find(realms.begin(), realms.end(), realm) != realms.end();
  };

  std::string name = verification_.user();
  const size_t at = name.find('@');
  if (at == std::string::npos) {
    outcome_.realm = allowed(service_realm_) ? service_realm_ : realms.front();
    name += "@" + outcome_.realm;
  } else if (const std::string realm = name.substr(at + 1); allowed(realm)) {
    outcome_.realm = realm;
  } else {
    return Refuse("realm");
  }

  if (verification_.user().empty() ||
      verification_.user().size() > kMaxUserBytes ||
      name.find('\\') != std::string::npos) {
    return Refuse("input");
  }
  krb5_error_code code = krb5_parse_name(context_, name.c_str(), client_.Out());
  if (code == KRB5_PARSE_MALFORMED) return Refuse("input");
  if (!Check("krb5_parse_name", code)) return false;
  UnparsedName text(context_);
  code = krb5_unparse_name(context_, client_.get(), text.Out());
  if (!Check("krb5_unparse_name", code)) return false;
  // What libkrb5 read must be what stands there.
  if (text.get() != name || client_->length < 1 ||
      client_->data[0].length == 0) {
    return Refuse("input");
  }
  // WELLKNOWN/ANONYMOUS gets tickets for any password (RFC 8062).
  const std::string_view first = View(client_->data[0]);
  constexpr std::string_view kWellKnown = "WELLKNOWN";
  if (first.size() == kWellKnown.size() &&
      strncasecmp(first.data(), kWellKnown.data(), first.size()) == 0) {
    return Refuse("input");
  }
  return true;
}

// Without the service's key nothing can be verified: not worth asking a KDC.
bool Conversation::OpenKeytab() {
  const krb5_error_code code =
      settings_.keytab
          ? krb5_kt_resolve(context_, settings_.keytab->c_str(), keytab_.Out())
          : krb5_kt_default(context_, keytab_.Out());
  if (settings_.keytab) outcome_.keytab = *settings_.keytab;
  if (!Check("krb5_kt_resolve", code)) return false;

  std::string name(kMaxKeytabName, '\0');
  if (krb5_kt_get_name(context_, keytab_.get(), name.data(),
                       static_cast<unsigned>(name.size())) == 0) {
    outcome_.keytab = name.c_str();
  }
  KeytabEntry entry(context_);
  if (!Check("krb5_kt_get_entry",
             krb5_kt_get_entry(context_, keytab_.get(), service_.get(), 0, 0,
                               entry.Out()))) {
    return false;
  }
  NoteKeytabMode();
  return true;
}

void Conversation::NoteKeytabMode() {
  for (const std::string_view type : {"FILE:", "WRFILE:"}) {
    if (outcome_.keytab.compare(0, type.size(), type) != 0) continue;
    const auto file = StatusOf(outcome_.keytab.c_str() + type.size());
    outcome_.keytab_exposed = file && (file->mode & (S_IRGRP | S_IROTH)) != 0;
  }
}

// Asks for the service's own ticket: one exchange fewer than by way of a TGT.
// That cannot work for users of another realm; with canonicalization, which AD
// and Samba grant with a TGT only; and where the KDC refuses it.
bool Conversation::GetTicket() {
  NoteAsked(outcome_.realm);
  const bool direct =
      !settings_.canonicalize &&
      krb5_realm_compare(context_, client_.get(), service_.get());
  krb5_error_code code;
  if (direct) {
    UnparsedName service(context_);
    code = krb5_unparse_name(context_, service_.get(), service.Out());
    if (!Check("krb5_unparse_name", code)) return false;
    code = RequestTicket(service.get());
    if (code == KRB5KDC_ERR_MUST_USE_USER2USER || code == KRB5KDC_ERR_POLICY) {
      code = RequestTicket(nullptr);
    }
  } else {
    code = RequestTicket(nullptr);
  }
  return CheckExchange("krb5_get_init_creds_password", code);
}

// Whose answer what follows waits for: of use to who reads of an error or of a
// deadline that passed.
void Conversation::NoteAsked(const std::string& realm) {
  const std::string kdcs = kept_.Values("realms", realm, "kdc");
  if (outcome_.realm != realm) {
    outcome_.realm += " or " + realm;
    outcome_.kdcs += ", " + kdcs;
  } else {
    outcome_.kdcs = kdcs;
  }
  verification_.Ask(outcome_.service, outcome_.realm, outcome_.kdcs);
}

// `service` null: a TGT of the client's realm.
krb5_error_code Conversation::RequestTicket(const char* service) {
  InitCredsOpt opt(context_);
  krb5_error_code code = krb5_get_init_creds_opt_alloc(context_, opt.Out());
  if (code != 0) return code;
  krb5_get_init_creds_opt_set_tkt_life(opt.get(), kTicketLife);
  krb5_get_init_creds_opt_set_renew_life(opt.get(), 0);
  krb5_get_init_creds_opt_set_forwardable(opt.get(), 0);
  krb5_get_init_creds_opt_set_proxiable(opt.get(), 0);
  krb5_get_init_creds_opt_set_address_list(opt.get(), nullptr);
  krb5_get_init_creds_opt_set_canonicalize(opt.get(), settings_.canonicalize);
  // Should pkinit be there in spite of conf/first.conf: no identity for it.
  code = krb5_get_init_creds_opt_set_pa(context_, opt.get(),
                                        "X509_user_identity", "");
  if (code != 0) return code;

  if (transport_) transport_->BeginTry();
  code = krb5_get_init_creds_password(context_, creds_.Out(), client_.get(),
                                      verification_.password(),
                                      /*prompter=*/nullptr, /*data=*/nullptr,
                                      /*start_time=*/0, service, opt.get());
  if (code != 0) creds_.Forget();
  // A try that OnSend stopped, and for which libkrb5 had no earlier error.
  if (code == KRB5_KDC_UNREACH && refusal_ != 0) return refusal_;
  return code;
}

// The ticket must be for who was asked, save that canonicalization may rename
// the account within its realm. (RFC 8062: anonymous tickets name nobody.)
bool Conversation::CheckClient() {
  if ((creds_->ticket_flags & TKT_FLG_ANONYMOUS) != 0) return Refuse("client");
  const bool same =
      krb5_principal_compare(context_, creds_->client, client_.get());
  const bool renamed =
      settings_.canonicalize &&
      krb5_realm_compare(context_, creds_->client, client_.get());
  return same || renamed || Refuse("client");
}

// Makes a real AP-REQ of the ticket and reads it with the keytab's key: only
// the realm's KDC, which shares that key, can have made the ticket.
bool Conversation::VerifyTicket() {
  UnparsedName principal(context_);
  if (!Check("krb5_unparse_name",
             krb5_unparse_name(context_, creds_->client, principal.Out()))) {
    return false;
  }
  // With a TGT of the user's realm, that realm's KDC and the service's are
  // asked.
  if (outcome_.realm != service_realm_) NoteAsked(service_realm_);
  krb5_verify_init_creds_opt opt;
  krb5_verify_init_creds_opt_init(&opt);
  // Without this, a keytab that cannot be used counts as success.
  krb5_verify_init_creds_opt_set_ap_req_nofail(&opt, 1);
  // The credential cache is NULL itself: a pointer to a null one would make
  // libkrb5 keep the ticket in a cache of the whole process.
  if (!CheckExchange(
          "krb5_verify_init_creds",
          krb5_verify_init_creds(context_, creds_.get(), service_.get(),
                                 keytab_.get(), nullptr, &opt))) {
    return false;
  }
  outcome_.principal = principal.get();
  outcome_.realm = View(creds_->client->realm);
  outcome_.verified = true;  // The one place where it becomes so.
  return true;
}

void Conversation::OnTrace(krb5_context, const krb5_trace_info* info,
                           void* data) {
  if (info == nullptr) return;  // the callback is being taken off
  try {
    static_cast<Verification*>(data)->Note(info->message);
  } catch (const std::bad_alloc&) {  // no exception may pass through libkrb5
  }
}

// In the form of libkrb5's own lines.
MessageLog Conversation::NoteOf(Verification& verification) {
  if (!verification.settings().trace) return nullptr;
  return [&verification](const std::string& line) {
    timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    char head[64];
    (void)snprintf(head, sizeof head,
                   "[%d] %lld.%06ld: ", static_cast<int>(getpid()),
                   static_cast<long long>(now.tv_sec), now.tv_nsec / 1000);
    verification.Note((head + line).c_str());
  };
}

// Before each message to a KDC, which is carried here, unless libkrb5 is to.
krb5_error_code Conversation::OnSend(krb5_context, void* data,
                                     const krb5_data* realm,
                                     const krb5_data* message, krb5_data**,
                                     krb5_data** reply) {
  auto* self = static_cast<Conversation*>(data);
  // With canonicalization any KDC, or who answers for it, may refer the client
  // to another realm: what the password encrypts is not sent there.
  if (Is(MessageType::kAsReq, *message) &&
      View(*realm) != View(self->client_->realm)) {
    return KRB5KDC_ERR_WRONG_REALM;
  }
  // One attempt, one count: after a refusal libkrb5 tries the password again
  // at the primary KDC, which would count it twice toward a lockout. Told that
  // no KDC answers, it returns the refusal.
  if (self->refusal_ != 0 && Is(MessageType::kAsReq, *message))
    return KRB5_KDC_UNREACH;
  self->turn_.reset();
  if (!self->verification_.LeaveForNetwork()) return KRB5_KDC_UNREACH;
  ExitGate::Leave();
  return self->transport_ ? self->Carry(*realm, *message, reply) : 0;
}

// After each that libkrb5 has carried, with the reply or the error of waiting
// for it.
krb5_error_code Conversation::OnReply(krb5_context, void* data,
                                      krb5_error_code code, const krb5_data*,
                                      const krb5_data* message,
                                      const krb5_data* reply,
                                      krb5_data** replacement) {
  auto* self = static_cast<Conversation*>(data);
  if (!self->Return(KindOf(View(*message)))) return KRB5_KDC_UNREACH;
  return code != 0 ? code : self->ReadReply(*message, *reply, replacement);
}

// With the answer to the first message, libkrb5 makes a key of the password. It
// keeps that for those that follow.
bool Conversation::Return(RequestKind kind) {
  if (kind == RequestKind::kAsReq) turn_.emplace();
  ExitGate::Enter();
  return verification_.ReturnFromNetwork();
}

// Without a reply and an error, libkrb5 carries the message itself.
krb5_error_code Conversation::Carry(const krb5_data& realm,
                                    const krb5_data& message,
                                    krb5_data** reply) {
  std::optional<Delivery> delivery;
  try {
    delivery = transport_->Carry(std::string(View(realm)), View(message));
  } catch (const std::bad_alloc&) {  // no exception may pass through libkrb5
    delivery = Delivery{ENOMEM, {}, {}};
  }
  if (!delivery) return 0;
  if (!Return(delivery->kind)) return KRB5_KDC_UNREACH;
  if (delivery->code != 0) return delivery->code;
  krb5_data bytes = {};
  bytes.data = delivery->reply.data();
  bytes.length = static_cast<unsigned>(delivery->reply.size());
  const krb5_error_code code = ReadReply(message, bytes, reply);
  if (code != 0 || *reply != nullptr) return code;
  return krb5_copy_data(context_, &bytes, reply);
}

krb5_error_code Conversation::ReadReply(const krb5_data& message,
                                        const krb5_data& reply,
                                        krb5_data** replacement) {
  if (!Is(MessageType::kKrbError, reply)) return 0;
  return Is(MessageType::kAsReq, message) ? ReadAsError(reply)
                                          : ReadTgsError(reply, replacement);
}

// Notes a refusal of the password.
krb5_error_code Conversation::ReadAsError(const krb5_data& reply) {
  KrbError error(context_);
  if (krb5_rd_error(context_, &reply, error.Out()) != 0) return 0;
  if (error->error > kMaxProtocolError) return KRB5KRB_AP_ERR_MSG_TYPE;
  const auto refusal =
      static_cast<krb5_error_code>(ERROR_TABLE_BASE_krb5 + error->error);
  if (refusal == KRB5KDC_ERR_PREAUTH_FAILED ||
      refusal == KRB5KRB_AP_ERR_BAD_INTEGRITY) {
    refusal_ = refusal;
  }
  return 0;
}

// libkrb5 adds the number, 32 bits of a stranger's choice, to its table's base.
// One of them makes that 0, and krb5_get_credentials, told that all is well,
// dereferences the ticket that it has not got. Nor may that number be within
// e-data, which whoever made the TGT can put there (RFC 6113, 5.4.4): libkrb5
// takes that one in place of the outer. So e-data is left out.
krb5_error_code Conversation::ReadTgsError(const krb5_data& reply,
                                           krb5_data** replacement) {
  KrbError error(context_);
  if (krb5_rd_error(context_, &reply, error.Out()) != 0) return 0;
  if (error->error > kMaxProtocolError) return KRB5KRB_AP_ERR_MSG_TYPE;
  error->e_data.length = 0;
  Data bare(context_);
  const krb5_error_code code = krb5_mk_error(context_, error.get(), bare.Out());
  return code != 0 ? code : krb5_copy_data(context_, bare.get(), replacement);
}

bool Conversation::Check(const char* step, krb5_error_code code) {
  if (code == 0) return true;
  outcome_.step = step;
  outcome_.code = code;
  ErrorMessage message(context_);
  *message.Out() = krb5_get_error_message(context_, code);
  outcome_.message = message.get();
  return false;
}

// libkrb5 fails with EINVAL, and no text, for a KDC in krb5.conf that it cannot
// read (since krb5 1.22 with ENAMETOOLONG for the path of a UNIX socket).
bool Conversation::CheckExchange(const char* step, krb5_error_code code) {
  if (Check(step, code)) return true;
  if (code != EINVAL && code != ENAMETOOLONG) return false;
  for (const std::string_view realm :
       {View(client_->realm), std::string_view(service_realm_)}) {
    const auto mistake = FindKdcMistake(kept_, std::string(realm));
    if (!mistake) continue;
    outcome_.step = "krb5.conf";
    outcome_.message = *mistake + ": " + outcome_.message;
    break;
  }
  return false;
}

bool Conversation::Refuse(const char* step) {
  outcome_.step = step;
  return false;
}

}  // namespace kpass
