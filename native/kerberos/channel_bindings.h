// Whether a client is bound to the channel of its token (RFC 5929). A client
// binds itself by a hash of the channel in its authenticator.

#ifndef KPASS_CHANNEL_BINDINGS_H_
#define KPASS_CHANNEL_BINDINGS_H_

#include <krb5/krb5.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/report.h"

namespace kpass {

// Whether a client must be bound to the channel of its token.
// kAllow: refuses a client only if it is bound to another channel.
enum class BindingsRule { kOff, kAllow, kRequire };

// The type of the checksum that holds the hash (RFC 4121, 4.1.1).
constexpr krb5_cksumtype kContextChecksum = 0x8003;

// The size of the hash of a channel.
constexpr size_t kBindingsSize = 16;

// `channel`: its application data; none if it is unknown. `hash`: from the
// authenticator's checksum; zeros mean that the client is not bound.
//
// Returns whether the rule lets the client in, and fills the report if not.
// `bound`: whether the client is bound to this channel.
bool CheckBindings(krb5_context context, BindingsRule rule,
                   const std::optional<std::string>& channel,
                   std::string_view hash,
                   const krb5_authenticator& authenticator, bool* bound,
                   NativeReport* report);

}  // namespace kpass

#endif  // KPASS_CHANNEL_BINDINGS_H_
