// Plain values between JavaScript and C++.

#ifndef KPASS_VALUES_H_
#define KPASS_VALUES_H_

#include <errno.h>
#include <napi.h>

#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "kerberos/settings.h"
#include "kerberos/trace.h"

namespace kpass {

std::string TextOf(Napi::Value value);
std::optional<std::string> OptionalText(Napi::Value value);
std::vector<std::string> TextsOf(Napi::Value value);

// The bytes of a Uint8Array.
std::string BytesOf(Napi::Value value);

// The bytes of a string or a Uint8Array. SecretOf() makes no copy that is not
// wiped.
Secret SecretOf(Napi::Env env, Napi::Value value);

Napi::Array ListOf(Napi::Env env, const std::vector<std::string>& texts);

// A list of lines, or null if the trace is empty. It is always empty unless the
// caller asked for a trace.
Napi::Value TraceOf(Napi::Env env, const Trace& trace);

// The end of a call whose thread found no memory for its own: an Outcome or an
// Acceptance.
template <typename End>
End OutOfMemory() {
  End end;
  end.step = "malloc";
  end.code = ENOMEM;
  return end;
}

// The settings that settings() made.
const Settings& SettingsOf(Napi::Value value);

}  // namespace kpass

#endif  // KPASS_VALUES_H_
