// A failure, in plain values. JavaScript turns it into a verdict or an error.

#ifndef KPASS_REPORT_H_
#define KPASS_REPORT_H_

#include <krb5/krb5.h>

#include <string>

namespace kpass {

struct NativeReport {
  const char* step = "";     // the libkrb5 call or stage that failed; "": none
  krb5_error_code code = 0;  // the call's code; 0: kpass itself refused
  std::string message;       // libkrb5's words; may hold bytes from a KDC

  // Returns whether `code` is success, and records the failure if not.
  bool Check(krb5_context context, const char* failed_step,
             krb5_error_code code_of_step);

  // Records that kpass itself refuses, and why. Returns false.
  bool Refuse(const char* refused_step, const char* words = "");
};

}  // namespace kpass

#endif  // KPASS_REPORT_H_
