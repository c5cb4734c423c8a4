#include "kerberos/diagnosis.h"

#include <utility>

#include "base/exit_gate.h"
#include "base/krb5_ptr.h"
#include "base/view.h"
#include "kerberos/as_request.h"
#include "kerberos/enctypes.h"
#include "kerberos/kdc_hooks.h"
#include "kerberos/service.h"
#include "kerberos/unattended.h"
#include "net/site.h"

namespace kpass {
namespace {

using Ticket = Krb5Ptr<krb5_ticket*, krb5_free_ticket>;

// Leaves out an entry whose principal has no text.
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

// The unencrypted part of the ticket names the KDC's key that encrypts it.
void RecordTicketKey(krb5_context context, const krb5_creds& creds,
                     LoginReport* report) {
  Ticket ticket(context);
  if (krb5_decode_ticket(&creds.ticket, ticket.Out()) != 0) return;
  report->version = ticket->enc_part.kvno;
  report->enctype = EnctypeName(ticket->enc_part.enctype);
}

void LogIn(const KeptContext& kept, KdcHooks& hooks, krb5_principal client,
           const Service& service, LoginReport* report) {
  krb5_context context = kept.context();
  Creds creds(context);
  AsRequest request(kept, hooks, client, /*canonicalize=*/false);
  krb5_error_code code =
      request.ByKeytab(service.keytab(), service.principal(), &creds);
  const bool direct = code != KRB5KDC_ERR_POLICY;
  if (!direct) code = request.ByKeytab(service.keytab(), nullptr, &creds);
  if (!CheckExchange(kept, "krb5_get_init_creds_keytab", code,
                     {View(service.principal()->realm)}, report)) {
    return;
  }
  // A policy that refuses the ticket here refuses it by way of a TGT, too.
  if (!direct) return;
  RecordTicketKey(context, *creds.get(), report);

  krb5_verify_init_creds_opt opt;
  krb5_verify_init_creds_opt_init(&opt);
  krb5_verify_init_creds_opt_set_ap_req_nofail(&opt, 1);
  report->Check(
      context, "krb5_verify_init_creds",
      krb5_verify_init_creds(context, creds.get(), service.principal(),
                             service.keytab(), nullptr, &opt));
}

}  // namespace

ConfigReport ReadConfig(const Settings& settings, const char* section,
                        const char* name, const char* tag) {
  const InsideLibkrb5 inside;
  ConfigReport report;
  KeptContext kept;
  if (kept.Get(settings.config, &report) == nullptr) return report;
  report.values = kept.List(section, name, tag);
  return report;
}

ServiceReport NameService(const Settings& settings) {
  const InsideLibkrb5 inside;
  ServiceReport report;
  KeptContext kept;
  krb5_context context = kept.Get(settings.config, &report);
  if (context == nullptr) return report;
  Service service(context, settings);
  service.FindName(&report);
  report.service = service.name();
  report.realm = service.realm();
  return report;
}

KdcsReport LocateKdcs(const Settings& settings, const std::string& realm) {
  KdcsReport report;
  Site site;
  Site primary;
  {
    const InsideLibkrb5 inside;
    KeptContext kept;
    if (kept.Get(settings.config, &report) == nullptr) return report;
    site = Site::Of(kept, realm, /*primary=*/false);
    primary = Site::Of(kept, realm, /*primary=*/true);
    report.mistake = FindKdcMistake(kept, realm).value_or("");
  }
  report.dns = site.dns;
  report.tag = site.tag;
  report.named = FindNamedKdcs(site);
  if (!report.named.Any()) {
    // libkrb5 tries the primary KDC if it finds no other.
    NamedKdcs named = FindNamedKdcs(primary);
    if (!named.Any()) return report;
    report.tag = primary.tag;
    report.named = std::move(named);
  }
  return report;
}

KeytabReport ReadKeytab(const Settings& settings) {
  const InsideLibkrb5 inside;
  KeytabReport report;
  KeptContext kept;
  krb5_context context = kept.Get(settings.config, &report);
  if (context == nullptr) return report;
  Service service(context, settings);
  const bool opened = service.OpenKeytab(&report);
  report.keytab = service.keytab_name();
  if (!opened) return report;
  report.Check(context, "krb5_kt_next_entry",
               ReadKeys(context, service.keytab(), &report.keys));
  return report;
}

LoginReport LogInWithKeytab(const Settings& settings,
                            const std::string& service_name,
                            const std::string& client_name) {
  const InsideLibkrb5 inside;
  LoginReport report;
  KeptContext kept;
  krb5_context context = kept.Get(settings.config, &report);
  if (context == nullptr) return report;
  Unattended sender;
  TraceLog log;
  {
    const Traced traced(context, &log);
    KdcHooks hooks(settings, kept, sender, &log);
    Service service(context, settings);
    Principal client(context);
    if (service.TakeName(service_name, &report) &&
        service.OpenKeytab(&report) &&
        report.Check(
            context, "krb5_parse_name",
            krb5_parse_name(context, client_name.c_str(), client.Out()))) {
      LogIn(kept, hooks, client.get(), service, &report);
    }
  }
  report.trace = log.Take();
  return report;
}

}  // namespace kpass
