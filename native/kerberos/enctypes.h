// The encryption types that a user's request lists.

#ifndef KPASS_ENCTYPES_H_
#define KPASS_ENCTYPES_H_

#include <krb5/krb5.h>

#include <string>
#include <vector>

#include "base/context.h"

namespace kpass {

// 'aes256-cts-hmac-sha1-96'
std::string EnctypeName(krb5_enctype enctype);

// libkrb5's list for a password login, without RC4 and 3DES unless krb5.conf
// names them. Guessing the password from a proof costs 1,300 times less under
// RC4 than under AES. A KDC or an impostor can choose the type.
class UserEnctypes {
 public:
  // The context of `kept` must outlive the UserEnctypes.
  explicit UserEnctypes(const KeptContext& kept);

  // 0, or libkrb5's error for its own list.
  krb5_error_code code() const { return code_; }
  std::vector<krb5_enctype>& list() { return list_; }
  // RC4 or 3DES is in the list.
  bool weak() const;
  // krb5.conf shuts out some of the four AES types, which all newer keys have.
  bool narrowed() const;
  std::string Text() const;  // 'aes256-cts-hmac-sha1-96, …'

 private:
  krb5_error_code code_;
  std::vector<krb5_enctype> list_;
};

}  // namespace kpass

#endif  // KPASS_ENCTYPES_H_
