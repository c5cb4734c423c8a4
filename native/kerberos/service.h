// The service for which users are verified: its name, its realm, its keytab.
// None of this asks a KDC.

#ifndef KPASS_SERVICE_H_
#define KPASS_SERVICE_H_

#include <krb5/krb5.h>

#include <string>

#include "base/krb5_ptr.h"
#include "base/report.h"
#include "kerberos/outcome.h"
#include "kerberos/settings.h"

namespace kpass {

// Each step returns whether it succeeded, and fills the report if not.
class Service {
 public:
  // `settings` must outlive the Service.
  Service(krb5_context context, const Settings& settings)
      : context_(context),
        settings_(settings),
        principal_(context),
        keytab_(context) {}

  // Finds the service's principal and its realm.
  bool FindName(NativeReport* report);

  // Finds the realm, and makes a principal that stands for the service on any
  // host: krb5_rd_req and FindKey() match it with the keytab's principals.
  bool FindAnyHost(NativeReport* report);

  // Takes a principal from elsewhere in place of FindName().
  bool TakeName(const std::string& name, NativeReport* report);

  // Resolves the keytab's name; does not read the keytab.
  bool OpenKeytab(NativeReport* report);

  // Whether the keytab has a key of the service.
  bool FindKey(NativeReport* report);

  krb5_principal principal() const { return principal_.get(); }
  // 'HTTP/host@REALM'; only 'HTTP/host' if no realm was found.
  const std::string& name() const { return name_; }
  const std::string& realm() const { return realm_; }

  krb5_keytab keytab() const { return keytab_.get(); }
  // 'FILE:/etc/krb5.keytab'; as written if it was not resolved.
  const std::string& keytab_name() const { return keytab_name_; }
  // Whether the keytab is a file that its group or others can read or write.
  bool keytab_exposed() const;

 private:
  bool FindKeyOfAnyHost(NativeReport* report);
  krb5_error_code LocalHost(std::string* host);
  krb5_error_code RealmOf(const std::string& host, std::string* realm);

  const krb5_context context_;
  const Settings& settings_;
  std::string name_;
  std::string realm_;
  Principal principal_;
  bool any_host_ = false;
  Keytab keytab_;
  std::string keytab_name_;
};

// Opens the service's keytab for a login, and fills the outcome. Comes before
// any message: without the service's key nothing can be verified. Returns
// whether the key is there.
bool OpenKeytab(Service* service, Outcome* outcome);

}  // namespace kpass

#endif  // KPASS_SERVICE_H_
