// The functions that the command `kpass doctor` calls (kerberos/diagnosis.h).
// Each one holds JavaScript's thread until it is done.

#ifndef KPASS_DIAGNOSIS_FUNCTIONS_H_
#define KPASS_DIAGNOSIS_FUNCTIONS_H_

#include <napi.h>

namespace kpass {

void ExportDiagnosis(Napi::Env env, Napi::Object exports);

}  // namespace kpass

#endif  // KPASS_DIAGNOSIS_FUNCTIONS_H_
