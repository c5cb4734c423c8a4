// Answers questions of the command `kpass doctor`, as libkrb5 sees them: the
// values in krb5.conf, the service's name, the keys in the keytab, the realm's
// KDCs, and whether the KDC has the key in the keytab.
//
// Each function makes a context of its own and holds its thread until it is
// done. That suits a command, and not a server.

#ifndef KPASS_DIAGNOSIS_H_
#define KPASS_DIAGNOSIS_H_

#include <krb5/krb5.h>

#include <string>
#include <vector>

#include "base/report.h"
#include "kerberos/settings.h"
#include "kerberos/trace.h"
#include "net/named_kdcs.h"

namespace kpass {

struct ConfigReport : NativeReport {
  std::vector<std::string> values;
};

// The values of [section] name tag, or of [section] name if `tag` is null.
ConfigReport ReadConfig(const Settings& settings, const char* section,
                        const char* name, const char* tag);

struct ServiceReport : NativeReport {
  std::string service;  // the principal; without its realm if that is unknown
  std::string realm;
};

// The service's name, as a verification finds it. Asks no KDC.
ServiceReport NameService(const Settings& settings);

struct KdcsReport : NativeReport {
  NamedKdcs named;
  std::string tag;      // of the list in krb5.conf: 'kdc' or 'primary_kdc', say
  bool dns = true;      // krb5.conf allows that DNS is asked
  std::string mistake;  // a value in krb5.conf that libkrb5 refuses
};

// The KDCs of a realm, as kpass's transport and libkrb5 find them. May ask DNS.
KdcsReport LocateKdcs(const Settings& settings, const std::string& realm);

struct KeytabKey {
  std::string principal;
  krb5_kvno version = 0;
  std::string enctype;
};

struct KeytabReport : NativeReport {
  std::string keytab;  // its whole name, such as 'FILE:/etc/krb5.keytab'
  std::vector<KeytabKey> keys;  // in the keytab's order
};

// The keys in the keytab; after an error, those read before it.
KeytabReport ReadKeytab(const Settings& settings);

struct LoginReport : NativeReport {
  krb5_kvno version = 0;  // of the KDC's key for the ticket; 0: unknown
  std::string enctype;    // of the same key
  Trace trace;
};

// Logs the client in with its key in the keytab, for a ticket for the service,
// and verifies that ticket like a user's. The client is the service itself, or
// the account that it belongs to. If the KDC's policy refuses such a ticket, it
// asks for a TGT. That proves the key, and leaves `version` unknown.
LoginReport LogInWithKeytab(const Settings& settings,
                            const std::string& service,
                            const std::string& client);

}  // namespace kpass

#endif  // KPASS_DIAGNOSIS_H_
