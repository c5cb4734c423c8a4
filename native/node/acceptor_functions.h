// What JavaScript's class Acceptor calls (kerberos/acceptor.h).

#ifndef KPASS_ACCEPTOR_FUNCTIONS_H_
#define KPASS_ACCEPTOR_FUNCTIONS_H_

#include <napi.h>

namespace kpass {

void ExportAcceptor(Napi::Env env, Napi::Object exports);

}  // namespace kpass

#endif  // KPASS_ACCEPTOR_FUNCTIONS_H_
