#include "kerberos/keytab_login.h"

#include <new>

#include "base/krb5_ptr.h"

namespace kpass {
namespace {

using Ticket = Krb5Ptr<krb5_ticket*, krb5_free_ticket>;

constexpr krb5_deltat kTicketLife = 10 * 60;
constexpr size_t kMaxKeytabName = 4096;
constexpr size_t kMaxEnctypeName = 100;
constexpr size_t kMaxTraceLines = 1000;

bool Failed(krb5_context context, const char* step, krb5_error_code code,
            Finding* finding) {
  if (code == 0) return false;
  ErrorMessage message(context);
  *message.Out() = krb5_get_error_message(context, code);
  *finding = {step, code, message.get()};
  return true;
}

krb5_context ContextOf(const Config& config, KeptContext* kept,
                       Finding* finding) {
  ContextError error;
  krb5_context context = kept->Get(config, &error);
  if (context == nullptr) {
    *finding = {error.step, error.code, std::move(error.message)};
  }
  return context;
}

krb5_error_code ResolveKeytab(krb5_context context, const Settings& settings,
                              Keytab* keytab) {
  return settings.keytab
             ? krb5_kt_resolve(context, settings.keytab->c_str(), keytab->Out())
             : krb5_kt_default(context, keytab->Out());
}

std::string EnctypeName(krb5_enctype enctype) {
  char name[kMaxEnctypeName] = {};
  if (krb5_enctype_to_name(enctype, /*shortest=*/0, name, sizeof name) == 0) {
    return name;
  }
  return "enctype " + std::to_string(enctype);
}

// An entry that is not to be had is left out.
void AddKey(krb5_context context, const krb5_keytab_entry& entry,
            std::vector<KeytabKey>* keys) {
  UnparsedName principal(context);
  if (krb5_unparse_name(context, entry.principal, principal.Out()) != 0) return;
  keys->push_back({principal.get(), entry.vno, EnctypeName(entry.key.enctype)});
}

krb5_error_code ReadKeys(krb5_context context, krb5_keytab keytab,
                         std::vector<KeytabKey>* keys) {
  krb5_kt_cursor cursor;
  krb5_error_code code = krb5_kt_start_seq_get(context, keytab, &cursor);
  if (code != 0) return code;
  do {
    KeytabEntry entry(context);
    code = krb5_kt_next_entry(context, keytab, entry.Out(), &cursor);
    if (code == 0) AddKey(context, *entry.get(), keys);
    if (code != 0) entry.Forget();
  } while (code == 0);
  krb5_kt_end_seq_get(context, keytab, &cursor);
  return code == KRB5_KT_END ? 0 : code;
}

void NoteTrace(krb5_context, const krb5_trace_info* info, void* lines) {
  if (info == nullptr) return;  // the callback is being taken off
  auto* const trace = static_cast<Trace*>(lines);
  if (trace->size() == kMaxTraceLines) return;
  try {
    trace->push_back(info->message);
  } catch (const std::bad_alloc&) {  // no exception may pass through libkrb5
  }
}

// As verify.cc asks for a user's: for the service itself, or else for a TGT.
krb5_error_code GetTicket(krb5_context context, krb5_principal service,
                          krb5_keytab keytab, bool direct, Creds* creds) {
  UnparsedName name(context);
  krb5_error_code code = krb5_unparse_name(context, service, name.Out());
  if (code != 0) return code;
  InitCredsOpt opt(context);
  code = krb5_get_init_creds_opt_alloc(context, opt.Out());
  if (code != 0) return code;
  krb5_get_init_creds_opt_set_tkt_life(opt.get(), kTicketLife);
  krb5_get_init_creds_opt_set_renew_life(opt.get(), 0);
  krb5_get_init_creds_opt_set_forwardable(opt.get(), 0);
  krb5_get_init_creds_opt_set_proxiable(opt.get(), 0);
  krb5_get_init_creds_opt_set_address_list(opt.get(), nullptr);
  code = krb5_get_init_creds_keytab(context, creds->Out(), service, keytab,
                                    /*start_time=*/0,
                                    direct ? name.get() : nullptr, opt.get());
  if (code != 0) creds->Forget();
  return code;
}

// Which key the ticket is made with stands in the clear on it.
void NoteTicketKey(krb5_context context, const krb5_creds& creds,
                   LoginFinding* finding) {
  Ticket ticket(context);
  if (krb5_decode_ticket(&creds.ticket, ticket.Out()) != 0) return;
  finding->version = ticket->enc_part.kvno;
  finding->enctype = EnctypeName(ticket->enc_part.enctype);
}

void LogIn(krb5_context context, const Settings& settings,
           const std::string& service_name, LoginFinding* finding) {
  Principal service(context);
  krb5_error_code code =
      krb5_parse_name(context, service_name.c_str(), service.Out());
  if (Failed(context, "krb5_parse_name", code, finding)) return;
  Keytab keytab(context);
  code = ResolveKeytab(context, settings, &keytab);
  if (Failed(context, "krb5_kt_resolve", code, finding)) return;

  Creds creds(context);
  code = GetTicket(context, service.get(), keytab.get(), true, &creds);
  const bool direct = code != KRB5KDC_ERR_POLICY;
  if (!direct) {
    code = GetTicket(context, service.get(), keytab.get(), false, &creds);
  }
  Failed(context, "krb5_get_init_creds_keytab", code, finding);
  // No verification of a TGT: that asks the TGS, and what guards libkrb5 from
  // its forged errors is in verify.cc.
  if (code != 0 || !direct) return;
  NoteTicketKey(context, *creds.get(), finding);

  krb5_verify_init_creds_opt opt;
  krb5_verify_init_creds_opt_init(&opt);
  krb5_verify_init_creds_opt_set_ap_req_nofail(&opt, 1);
  code = krb5_verify_init_creds(context, creds.get(), service.get(),
                                keytab.get(), nullptr, &opt);
  Failed(context, "krb5_verify_init_creds", code, finding);
}

}  // namespace

ConfigFinding ReadConfig(const Config& config, const char* section,
                         const char* name, const char* tag) {
  ConfigFinding finding;
  KeptContext kept;
  if (ContextOf(config, &kept, &finding) == nullptr) return finding;
  finding.values = kept.Values(section, name, tag);
  return finding;
}

KeytabFinding ReadKeytab(const Settings& settings) {
  KeytabFinding finding;
  KeptContext kept;
  krb5_context context = ContextOf(settings.config, &kept, &finding);
  if (context == nullptr) return finding;
  Keytab keytab(context);
  krb5_error_code code = ResolveKeytab(context, settings, &keytab);
  if (settings.keytab) finding.keytab = *settings.keytab;
  if (Failed(context, "krb5_kt_resolve", code, &finding)) return finding;
  std::string name(kMaxKeytabName, '\0');
  if (krb5_kt_get_name(context, keytab.get(), name.data(),
                       static_cast<unsigned>(name.size())) == 0) {
    finding.keytab = name.c_str();
  }
  code = ReadKeys(context, keytab.get(), &finding.keys);
  Failed(context, "krb5_kt_next_entry", code, &finding);
  return finding;
}

LoginFinding LogInWithKeytab(const Settings& settings,
                             const std::string& service) {
  LoginFinding finding;
  KeptContext kept;
  krb5_context context = ContextOf(settings.config, &kept, &finding);
  if (context == nullptr) return finding;
  krb5_set_trace_callback(context, NoteTrace, &finding.trace);
  LogIn(context, settings, service, &finding);
  krb5_set_trace_callback(context, nullptr, nullptr);
  return finding;
}

}  // namespace kpass
