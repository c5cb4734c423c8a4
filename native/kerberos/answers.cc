// https://web.mit.edu/kerberos/krb5-latest/doc/appdev/init_creds.html: the
// responder, the prompter.

#include "kerberos/answers.h"

#include <string.h>

#include <string_view>

namespace kpass {
namespace {

Secret Joined(const Secret& first, const Secret& second) {
  Secret both(first.size() + second.size());
  // Empty secrets may have no bytes.
  if (first.size() > 0) memcpy(both.data(), first.c_str(), first.size());
  if (second.size() > 0) {
    memcpy(both.data() + first.size(), second.c_str(), second.size());
  }
  return both;
}

Secret Copied(const Secret& secret) { return Joined(secret, Secret()); }

}  // namespace

Answers::Answers(OtpRule rule, const Secret& password, const Secret& token)
    : rule_(rule),
      password_(password),
      token_(token),
      value_(rule == OtpRule::kJoined  ? Joined(password, token)
             : rule == OtpRule::kAlone ? Copied(token)
                                       : Secret()) {}

krb5_error_code Answers::Install(krb5_context context,
                                 krb5_get_init_creds_opt* opt) {
  return krb5_get_init_creds_opt_set_responder(context, opt, Respond, this);
}

const char* Answers::Given(bool armored) const {
  return armored && rule_ != OtpRule::kNever ? nullptr : password_.c_str();
}

// libkrb5 asks for the value of a token that Respond() did not give, and for
// the password that Given() did not give. It calls the prompter for a token's
// value without a look whether there is one (preauth_otp.c).
krb5_error_code Answers::Prompt(krb5_context context, void* data, const char*,
                                const char*, int count, krb5_prompt prompts[]) {
  const auto* self = static_cast<const Answers*>(data);
  const krb5_prompt_type* const types = krb5_get_prompt_types(context);
  if (self == nullptr || count != 1 || types == nullptr ||
      *types != KRB5_PROMPT_TYPE_PASSWORD) {
    return KRB5_LIBOS_CANTREADPWD;
  }
  krb5_data& reply = *prompts[0].reply;
  const size_t size = self->password_.size();
  if (size >= reply.length) return KRB5_LIBOS_CANTREADPWD;
  memcpy(reply.data, self->password_.c_str(), size + 1);
  reply.length = static_cast<unsigned>(size);
  return 0;
}

// libkrb5 calls this once for each of the KDC's offers, with all its questions.
// If it gets a token's value, it tries no password.
krb5_error_code Answers::Respond(krb5_context context, void* data,
                                 krb5_responder_context responder) {
  auto* self = static_cast<Answers*>(data);
  bool password_asked = false;
  bool token_asked = false;
  const char* const* question =
      krb5_responder_list_questions(context, responder);
  for (; question != nullptr && *question != nullptr; ++question) {
    const std::string_view name = *question;
    password_asked |= name == KRB5_RESPONDER_QUESTION_PASSWORD;
    token_asked |= name == KRB5_RESPONDER_QUESTION_OTP;
  }
  if (!token_asked) return 0;
  self->token_asked_ = true;
  const bool by_password = password_asked && self->token_.size() == 0;
  if (self->value_.size() == 0 || by_password) return 0;
  return self->GiveToken(context, responder);
}

// The KDC lists a user's tokens. The value is that of the first.
krb5_error_code Answers::GiveToken(krb5_context context,
                                   krb5_responder_context responder) {
  krb5_responder_otp_challenge* challenge = nullptr;
  krb5_error_code code =
      krb5_responder_otp_get_challenge(context, responder, &challenge);
  if (code != 0 || challenge == nullptr) return code;
  if (challenge->tokeninfo != nullptr && challenge->tokeninfo[0] != nullptr) {
    code = krb5_responder_otp_set_answer(context, responder, 0, value_.c_str(),
                                         nullptr);
    token_given_ = code == 0;
  }
  krb5_responder_otp_challenge_free(context, responder, challenge);
  return code;
}

}  // namespace kpass
