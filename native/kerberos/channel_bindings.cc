#include "kerberos/channel_bindings.h"

#include <errno.h>
#include <stdint.h>

#include "base/krb5_ptr.h"
#include "base/little_endian.h"
#include "base/view.h"

namespace kpass {
namespace {

using Checksum = Krb5Value<krb5_checksum, krb5_free_checksum_contents>;
using AuthorizationData = Krb5Ptr<krb5_authdata**, krb5_free_authdata>;

// [MS-KILE] 3.2.5.8: a client with this option sends channel bindings if it has
// any. (krb5.h has the type only since 1.19.)
constexpr krb5_authdatatype kApOptions = 143;
constexpr uint32_t kClientKnowsBindings = 0x4000;

// Hashes the application data, without addresses (RFC 4121, 4.1.1.2). The hash
// is none if the channel is unknown, or if the system's policy forbids MD5.
bool HashChannel(krb5_context context,
                 const std::optional<std::string>& channel,
                 std::optional<std::string>* hash, NativeReport* report) {
  if (!channel) return true;
  std::string structure(16, '\0');
  AppendLittleEndian(static_cast<uint32_t>(channel->size()), &structure);
  structure += *channel;
  const krb5_data data = DataOf(structure);
  Checksum made(context);
  const krb5_error_code code = krb5_c_make_checksum(
      context, CKSUMTYPE_RSA_MD5, nullptr, 0, &data, made.Out());
  if (code != 0) {
    made.Forget();
    return code != ENOMEM ||
           report->Check(context, "krb5_c_make_checksum", code);
  }
  *hash = {reinterpret_cast<const char*>(made->contents), made->length};
  return true;
}

bool ReadApOptions(krb5_context context,
                   const krb5_authenticator& authenticator,
                   bool* knows_bindings, NativeReport* report) {
  AuthorizationData found(context);
  const krb5_error_code code =
      krb5_find_authdata(context, nullptr, authenticator.authorization_data,
                         kApOptions, found.Out());
  if (!report->Check(context, "krb5_find_authdata", code)) return false;
  for (krb5_authdata** each = found.get(); each != nullptr && *each != nullptr;
       ++each) {
    const krb5_authdata& options = **each;
    if (options.length == sizeof(uint32_t) &&
        (LittleEndian(options.contents) & kClientKnowsBindings) != 0) {
      *knows_bindings = true;
    }
  }
  return true;
}

}  // namespace

bool CheckBindings(krb5_context context, BindingsRule rule,
                   const std::optional<std::string>& channel,
                   std::string_view hash,
                   const krb5_authenticator& authenticator, bool* bound,
                   NativeReport* report) {
  if (rule == BindingsRule::kOff) return true;
  std::optional<std::string> ours;
  bool knows_bindings = false;
  if (!HashChannel(context, channel, &ours, report) ||
      !ReadApOptions(context, authenticator, &knows_bindings, report)) {
    return false;
  }
  *bound = ours && hash == *ours;
  const bool to_another =
      hash != std::string(kBindingsSize, '\0') || knows_bindings;
  const bool refused =
      rule == BindingsRule::kRequire ? !*bound : ours && !*bound && to_another;
  return !refused ||
         report->Refuse("bindings", "the client is not bound to this channel");
}

}  // namespace kpass
