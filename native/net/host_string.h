// Reads a value of kdc, primary_kdc, master_kdc, kpasswd_server or admin_server
// in krb5.conf exactly as libkrb5 does (locate_kdc.c, parse_host_string.c).
//
// https://web.mit.edu/kerberos/krb5-latest/doc/admin/conf_files/krb5_conf.html

#ifndef KPASS_HOST_STRING_H_
#define KPASS_HOST_STRING_H_

#include <cstdint>
#include <string>

namespace kpass {

struct HostString {
  enum class Kind {
    kHost,     // a host and a port
    kOther,    // an HTTPS proxy or a UNIX socket: only libkrb5 can reach it
    kMistake,  // libkrb5 refuses it, and with it the whole list
  };

  Kind kind = Kind::kMistake;
  std::string host;  // a name or an address; it may be one that cannot exist
  uint16_t port = 0;
};

// `port`: for a value that names none.
HostString ReadHostString(const std::string& value, uint16_t port = 88);

}  // namespace kpass

#endif  // KPASS_HOST_STRING_H_
