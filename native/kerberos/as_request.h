// Requests to a KDC's authentication service: a ticket for a password, or for a
// key in a keytab.

#ifndef KPASS_AS_REQUEST_H_
#define KPASS_AS_REQUEST_H_

#include <krb5/krb5.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/krb5_ptr.h"
#include "base/report.h"
#include "kerberos/answers.h"
#include "kerberos/enctypes.h"
#include "kerberos/kdc_hooks.h"

namespace kpass {

class AsRequest {
 public:
  // `kept`, `hooks` and `client` must outlive the AsRequest. With
  // `canonicalize`, the KDC may rename the client.
  AsRequest(const KeptContext& kept, KdcHooks& hooks, krb5_principal client,
            bool canonicalize)
      : kept_(kept),
        context_(kept.context()),
        hooks_(hooks),
        client_(client),
        canonicalize_(canonicalize) {}

  // The next requests by password are armored with the ticket in this cache.
  void SetArmor(const std::string& cache_name) { armor_ = cache_name; }

  // Each asks for a ticket for `service`. If `service` is null, each asks for a
  // TGT of the client's realm.
  krb5_error_code ByPassword(Answers& answers, krb5_const_principal service,
                             Creds* creds);
  krb5_error_code ByKeytab(krb5_keytab keytab, krb5_const_principal service,
                           Creds* creds);

  // Asks for a TGT that lives as long as the KDC allows, and stores it in
  // `cache`, which must be empty. The cache then tells whether the KDC supports
  // FAST.
  krb5_error_code ArmorByKeytab(krb5_keytab keytab, krb5_ccache cache,
                                Creds* creds);

  // Does the same as CheckExchange(), after ByPassword(). It also distinguishes
  // a verdict on the user from a fault of the KDC, and from a mechanism or type
  // that this machine's krb5.conf shuts out.
  bool CheckPassword(krb5_error_code code, const Answers& answers,
                     std::initializer_list<std::string_view> realms,
                     NativeReport* report) const;

 private:
  template <typename Get>
  krb5_error_code Request(krb5_const_principal service, KdcHooks::Key key,
                          Creds* creds, Get get);
  krb5_error_code SetOptions(InitCredsOpt* opt) const;
  krb5_error_code SetArmorOptions(InitCredsOpt* opt) const;
  bool IsForgedTicket(krb5_error_code code, const std::string& words) const;

  const KeptContext& kept_;
  const krb5_context context_;
  KdcHooks& hooks_;
  const krb5_principal client_;
  const bool canonicalize_;
  std::string armor_;                     // a cache's name; empty: none
  std::optional<UserEnctypes> enctypes_;  // of a request by password
};

// Does the same as NativeReport::Check(), after an exchange with the KDCs of
// these realms. If libkrb5 cannot read a KDC in krb5.conf, the report names it.
bool CheckExchange(const KeptContext& kept, const char* step,
                   krb5_error_code code,
                   std::initializer_list<std::string_view> realms,
                   NativeReport* report);

}  // namespace kpass

#endif  // KPASS_AS_REQUEST_H_
