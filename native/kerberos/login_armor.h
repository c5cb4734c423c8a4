// The armor of one login by password (armor.h): whether it goes under armor,
// and under which.

#ifndef KPASS_LOGIN_ARMOR_H_
#define KPASS_LOGIN_ARMOR_H_

#include <string_view>

#include "base/ref.h"
#include "kerberos/armor.h"
#include "kerberos/armor_ticket.h"
#include "kerberos/as_request.h"
#include "kerberos/outcome.h"
#include "kerberos/service.h"
#include "kerberos/settings.h"

namespace kpass {

class LoginArmor {
 public:
  // Both must outlive the LoginArmor.
  LoginArmor(const Ref<Settings>& settings, Sender& sender)
      : settings_(settings), sender_(sender) {}

  // Before the first request. `realm` is the user's; the service's keytab must
  // be open. These functions return whether the login may go on, with armor or
  // without; if not, the outcome says why.
  bool PutOn(std::string_view realm, const Service& service, Outcome* outcome);

  // After a request whose armor the KDC does not take any more. No proof of the
  // password has left until then. Happens once in a login.
  bool Replace(Outcome* outcome);

  void GiveTo(AsRequest* request) const {
    if (worn_) request->SetArmor(worn_->cache_name());
  }

 private:
  bool Wear(ArmorGrant grant, Outcome* outcome);

  const Ref<Settings>& settings_;
  Sender& sender_;
  Ref<Armor> armor_;       // null: no armor for this login
  Ref<ArmorTicket> worn_;  // null: the login is not armored
};

}  // namespace kpass

#endif  // KPASS_LOGIN_ARMOR_H_
