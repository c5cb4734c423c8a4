#include "kerberos/login_armor.h"

#include <utility>

namespace kpass {

// Armor is of the service's realm. Its KDC is the only one that takes it.
bool LoginArmor::PutOn(std::string_view realm, const Service& service,
                       Outcome* outcome) {
  const Settings& settings = *settings_;
  if (settings.fast == FastRule::kNever) return true;
  if (realm != service.realm()) {
    return settings.fast == FastRule::kTry ||
           outcome->Refuse("armor",
                           "the user is of another realm than the service, "
                           "and armor is for the service's realm only");
  }
  armor_ = Armor::For(settings_, service.keytab_name(), service.name());
  // A token's value goes to the KDC under armor only.
  const bool wait = settings.otp != OtpRule::kNever;
  return Wear(armor_->ForLogin(wait, sender_), outcome);
}

bool LoginArmor::Replace(Outcome* outcome) {
  return Wear(armor_->InPlaceOf(worn_, sender_), outcome);
}

bool LoginArmor::Wear(ArmorGrant grant, Outcome* outcome) {
  worn_ = std::move(grant.ticket);
  outcome->armored = static_cast<bool>(worn_);
  if (worn_) return true;
  if (*grant.report.step == '\0') {
    outcome->armor_missing = std::move(grant.report.message);
    return true;
  }
  static_cast<NativeReport&>(*outcome) = std::move(grant.report);
  return false;
}

}  // namespace kpass
