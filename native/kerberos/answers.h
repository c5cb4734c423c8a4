// The answers to libkrb5's questions in a user's login: the password, and the
// value of a token (OTP, RFC 6560).

#ifndef KPASS_ANSWERS_H_
#define KPASS_ANSWERS_H_

#include <krb5/krb5.h>

#include "base/secret.h"
#include "kerberos/settings.h"

namespace kpass {

class Answers {
 public:
  // Both must outlive the Answers. `token`: the value of the user's token, or
  // empty.
  Answers(OtpRule rule, const Secret& password, const Secret& token);

  // Installs itself in the options of an armored request: a KDC asks for a
  // token's value under armor only. The Answers must outlive the request.
  krb5_error_code Install(krb5_context context, krb5_get_init_creds_opt* opt);

  // The password for krb5_get_init_creds_password(). Null: it is to ask the
  // prompter. Only then does libkrb5 say whether it wants a password at all.
  const char* Given(bool armored) const;

  // A prompter, with an Answers as its data.
  static krb5_error_code Prompt(krb5_context context, void* data, const char*,
                                const char*, int count, krb5_prompt prompts[]);

  // The KDC asked for a token's value, and got none.
  bool token_missing() const { return token_asked_ && !token_given_; }
  // The KDC got a token's value.
  bool token_given() const { return token_given_; }

 private:
  static krb5_error_code Respond(krb5_context context, void* data,
                                 krb5_responder_context responder);
  krb5_error_code GiveToken(krb5_context context,
                            krb5_responder_context responder);

  const OtpRule rule_;
  const Secret& password_;
  const Secret& token_;
  Secret value_;  // for the token's question
  bool token_asked_ = false;
  bool token_given_ = false;
};

}  // namespace kpass

#endif  // KPASS_ANSWERS_H_
