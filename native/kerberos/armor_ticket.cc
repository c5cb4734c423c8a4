#include "kerberos/armor_ticket.h"

#include <profile.h>

#include <algorithm>

#include "base/krb5_ptr.h"

namespace kpass {
namespace {

// A ticket is not used in its last minute, because a KDC goes by its own clock.
constexpr time_t kMargin = 60;

// A context without any configuration, which caches in memory do not need.
krb5_error_code MakeContext(krb5_context* context) {
  profile_t empty = nullptr;
  const char* no_files[] = {nullptr};
  const long code = profile_init(no_files, &empty);
  if (code != 0) return static_cast<krb5_error_code>(code);
  const krb5_error_code made = krb5_init_context_profile(empty, 0, context);
  profile_abandon(empty);
  return made;
}

}  // namespace

Ref<ArmorTicket> ArmorTicket::Make(NativeReport* report) {
  krb5_context context = nullptr;
  if (!report->Check(nullptr, "krb5_init_context_profile",
                     MakeContext(&context))) {
    return {};
  }
  Ref<ArmorTicket> ticket(new ArmorTicket(context));
  Text name(context);
  krb5_error_code code =
      krb5_cc_new_unique(context, "MEMORY", nullptr, &ticket->cache_);
  if (code != 0) ticket->cache_ = nullptr;
  if (code == 0) {
    code = krb5_cc_get_full_name(context, ticket->cache_, name.Out());
  }
  if (!report->Check(context, "krb5_cc_new_unique", code)) return {};
  ticket->name_ = name.get();
  return ticket;
}

ArmorTicket::~ArmorTicket() {
  if (cache_ != nullptr) krb5_cc_destroy(context_, cache_);
  krb5_free_context(context_);
}

bool ArmorTicket::AnnouncesFast(krb5_const_principal tgs) const {
  Data value(context_);
  if (krb5_cc_get_config(context_, cache_, tgs, "fast_avail", value.Out()) !=
      0) {
    value.Forget();
    return false;
  }
  return true;
}

void ArmorTicket::SetEnd(time_t end) {
  const time_t now = time(nullptr);
  const time_t left = std::max<time_t>(end - now, 0);
  end_ = end;
  usable_until_ = end - std::min(kMargin, left / 4);
  renew_at_ = now + left / 2;
}

}  // namespace kpass
