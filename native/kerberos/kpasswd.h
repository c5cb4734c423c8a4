// The messages that change a password: RFC 3244, "change", version 1.

#ifndef KPASS_KPASSWD_H_
#define KPASS_KPASSWD_H_

#include <krb5/krb5.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/krb5_ptr.h"
#include "base/report.h"
#include "base/secret.h"

namespace kpass {

// One request and its reply.
class Kpasswd {
 public:
  // The results of RFC 3244 that kpass tells apart.
  enum Code : uint16_t { kSuccess = 0, kSoftError = 4, kAccessDenied = 5 };

  explicit Kpasswd(krb5_context context)
      : context_(context), auth_context_(context) {}

  // Makes the request. `creds` is a ticket for kadmin/changepw. `sender` is
  // this machine's address: a server may compare it with the one it sees.
  krb5_error_code MakeRequest(krb5_creds* creds, const Secret& password,
                              const sockaddr_storage& sender,
                              std::string* request);

  // Reads the reply, and returns whether it is authentic: whether somebody who
  // has the ticket's session key made it. Fills the report if not. Nothing else
  // in the reply is believed, neither a success nor a refusal.
  bool ReadReply(std::string_view reply, NativeReport* report);

  // Of an authentic reply: a Code or another number, and the server's words.
  uint16_t code() const { return code_; }
  const std::string& words() const { return words_; }

 private:
  bool ReadApRep(std::string_view ap_rep, NativeReport* report);
  bool ReadResult(std::string_view krb_priv, NativeReport* report);
  bool ReadWords(std::string_view text, NativeReport* report);
  void RefuseError(std::string_view message, NativeReport* report);

  const krb5_context context_;
  AuthContext auth_context_;
  uint16_t code_ = 0;
  std::string words_;
};

}  // namespace kpass

#endif  // KPASS_KPASSWD_H_
