#include "kerberos/initiator.h"

#include "base/context.h"
#include "base/exit_gate.h"
#include "base/krb5_ptr.h"
#include "base/little_endian.h"
#include "base/view.h"
#include "kerberos/as_request.h"
#include "kerberos/channel_bindings.h"
#include "kerberos/kdc_hooks.h"
#include "kerberos/service.h"
#include "kerberos/spnego.h"
#include "kerberos/unattended.h"

namespace kpass {
namespace {

using AuthContext = Krb5Ptr<krb5_auth_context, krb5_auth_con_free>;
using Cache = Krb5Ptr<krb5_ccache, krb5_cc_close>;
using CopiedCreds = Krb5Ptr<krb5_creds*, krb5_free_creds>;

// RFC 4121, 4.1.1. Chromium and Firefox set these flags: confidentiality,
// integrity, and GSS_C_TRANS_FLAG. They ask for no proof of the service.
constexpr uint32_t kBrowsersFlags = 0x130;

// A client that is bound to no channel.
std::string ContextChecksum() {
  std::string checksum;
  AppendLittleEndian(kBindingsSize, &checksum);
  checksum.append(kBindingsSize, '\0');
  AppendLittleEndian(kBrowsersFlags, &checksum);
  return checksum;
}

// Each step returns whether to go on, and fills the report if not.
class Initiation {
 public:
  Initiation(const Settings& settings, const KeptContext& kept,
             TokenReport* report)
      : kept_(kept),
        context_(kept.context()),
        report_(*report),
        service_(context_, settings),
        cache_(context_),
        client_(context_),
        creds_(context_) {}

  void Hold(KdcHooks& hooks) {
    if (FindService() && OpenCache() && GetTicket(hooks)) MakeToken();
  }

 private:
  bool FindService() {
    const bool found = service_.FindName(&report_);
    report_.service = service_.name();
    return found;
  }

  bool OpenCache() {
    if (!report_.Check(context_, "krb5_cc_default",
                       krb5_cc_default(context_, cache_.Out()))) {
      return false;
    }
    Text name(context_);
    if (krb5_cc_get_full_name(context_, cache_.get(), name.Out()) == 0) {
      report_.cache = name.get();
    }
    if (!report_.Check(
            context_, "krb5_cc_get_principal",
            krb5_cc_get_principal(context_, cache_.get(), client_.Out()))) {
      return false;
    }
    UnparsedName client(context_);
    if (krb5_unparse_name(context_, client_.get(), client.Out()) == 0) {
      report_.client = client.get();
    }
    return true;
  }

  bool GetTicket(KdcHooks& hooks) {
    krb5_creds wanted = {};
    wanted.client = client_.get();
    wanted.server = service_.principal();
    hooks.BeginTry(client_.get(), KdcHooks::Key::kKeytab,
                   /*armored=*/false);
    const krb5_error_code code =
        krb5_get_credentials(context_, 0, cache_.get(), &wanted, creds_.Out());
    return CheckExchange(
        kept_, "krb5_get_credentials", code,
        {View(client_->realm), View(service_.principal()->realm)}, &report_);
  }

  void MakeToken() {
    AuthContext auth_context(context_);
    if (!report_.Check(context_, "krb5_auth_con_init",
                       krb5_auth_con_init(context_, auth_context.Out())) ||
        !report_.Check(context_, "krb5_auth_con_setflags",
                       krb5_auth_con_setflags(context_, auth_context.get(),
                                              KRB5_AUTH_CONTEXT_DO_SEQUENCE)) ||
        // krb5_mk_req_extended takes the checksum itself for this type alone.
        !report_.Check(context_, "krb5_auth_con_set_req_cksumtype",
                       krb5_auth_con_set_req_cksumtype(
                           context_, auth_context.get(), kContextChecksum))) {
      return;
    }
    const std::string checksum = ContextChecksum();
    krb5_data in_data = DataOf(checksum);
    krb5_auth_context made = auth_context.get();
    Data ap_req(context_);
    const krb5_error_code code =
        krb5_mk_req_extended(context_, &made, AP_OPTS_USE_SUBKEY, &in_data,
                             creds_.get(), ap_req.Out());
    if (code != 0) ap_req.Forget();
    if (!report_.Check(context_, "krb5_mk_req_extended", code)) return;
    report_.token = InitialToken(View(*ap_req.get()));
  }

  const KeptContext& kept_;
  const krb5_context context_;
  TokenReport& report_;
  Service service_;
  Cache cache_;
  Principal client_;
  CopiedCreds creds_;
};

}  // namespace

TokenReport MakeToken(const Settings& settings) {
  const InsideLibkrb5 inside;
  TokenReport report;
  KeptContext kept;
  if (kept.Get(settings.config, &report) == nullptr) return report;
  Unattended sender;
  KdcHooks hooks(settings, kept, sender, /*log=*/nullptr);
  Initiation(settings, kept, &report).Hold(hooks);
  return report;
}

}  // namespace kpass
