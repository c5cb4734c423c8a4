#include "base/report.h"

#include "base/krb5_ptr.h"

namespace kpass {

bool NativeReport::Check(krb5_context context, const char* failed_step,
                         krb5_error_code code_of_step) {
  if (code_of_step == 0) return true;
  step = failed_step;
  code = code_of_step;
  ErrorMessage words(context);
  *words.Out() = krb5_get_error_message(context, code);
  message = words.get();
  return false;
}

bool NativeReport::Refuse(const char* refused_step, const char* words) {
  step = refused_step;
  code = 0;
  message = words;
  return false;
}

}  // namespace kpass
