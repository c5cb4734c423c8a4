#include "net/transport.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "net/message.h"

namespace kpass {
namespace {

using std::chrono::seconds;

// A conversation's patience, if krb5.conf has no request_timeout.
constexpr seconds kPatience{30};
// How long a replica's error waits for the primary KDC to confirm it.
constexpr seconds kPatienceForPrimary{1};

// libkrb5's default and upper bound of udp_preference_limit, in bytes.
constexpr int kMostUdp = 1465;
constexpr int kHardMostUdp = 32700;

Clock::duration PatienceOf(const KeptContext& kept) {
  const seconds configured = kept.Duration("request_timeout", kPatience);
  return configured > seconds{0} ? configured : kPatience;
}

size_t MostUdpOf(const KeptContext& kept) {
  const int configured = kept.Number("udp_preference_limit", kMostUdp);
  return static_cast<size_t>(
      configured < 0 ? kMostUdp : std::min(configured, kHardMostUdp));
}

}  // namespace

Transport::Transport(const KeptContext& kept, const Interrupt& interrupt,
                     MessageLog log)
    : kept_(kept),
      interrupt_(interrupt),
      log_(std::move(log)),
      patience_(PatienceOf(kept)),
      most_udp_(MostUdpOf(kept)) {}

void Transport::BeginTry() { kdc_.reset(); }

std::optional<Delivery> Transport::Carry(const std::string& realm,
                                         std::string_view message,
                                         RequestKind kind) {
  Delivery delivery{EMFILE, {}, {}};
  if (interrupt_.fd() >= 0) {
    Site site = Site::Of(kept_, realm, only_primary_);
    const bool named = !site.named.empty();
    Ref<Kdcs> kdcs = Kdcs::For(std::move(site));
    if (!kdcs->Resolve()) return std::nullopt;
    if (!named && kdcs->Ways(/*large=*/false).empty()) {
      // The realm has only a primary KDC. libkrb5 finds none on its first try,
      // does not call the hook, and tries the primary KDC. (Or, with
      // only_primary_, no KDC is called primary.)
      kdcs = Kdcs::For(Site::Of(kept_, realm, !only_primary_));
      if (!kdcs->Resolve()) return std::nullopt;
    }
    delivery = Dispatch(realm, *kdcs, message, kind);
  }
  delivery.kind = kind;
  return delivery;
}

Delivery Transport::Dispatch(const std::string& realm, Kdcs& kdcs,
                             std::string_view message, RequestKind kind) {
  if (kind == RequestKind::kOther) return Race(kdcs, message, Patience());
  return kind == RequestKind::kAsReqWithProof
             ? CarryProof(kdcs, message)
             : CarryUnproven(realm, kdcs, message);
}

Delivery Transport::Race(Kdcs& kdcs, std::string_view message,
                         Clock::duration patience) {
  const Errand errand{message, patience, kdcs.Ways(Large(message))};
  return Exchange(kdcs, errand, interrupt_, log_).Run();
}

Delivery Transport::CarryUnproven(const std::string& realm, Kdcs& kdcs,
                                  std::string_view message) {
  Delivery delivery = Race(kdcs, message, Patience());
  if (EndsAsExchange(delivery.reply)) AskPrimary(realm, message, &delivery);
  if (delivery.code == 0) kdc_ = delivery.way;
  return delivery;
}

// The message goes only to the KDC that asked for proof, even if that KDC does
// not answer.
Delivery Transport::CarryProof(Kdcs& kdcs, std::string_view message) {
  Errand errand{message, Patience(), {}, /*proof=*/true};
  if (!kdc_) {
    const std::vector<Way> ways = kdcs.Ways(Large(message));
    if (ways.empty()) return {KRB5_KDC_UNREACH, {}, {}};
    kdc_ = ways.front();
  }
  const bool by_tcp = Large(message) && kdcs.Has(kdc_->ByTcp());
  errand.ways = {by_tcp ? kdc_->ByTcp() : *kdc_};
  return Exchange(kdcs, errand, interrupt_, log_).Run();
}

// A replica may not yet know a new user or password, or an unlocked account.
void Transport::AskPrimary(const std::string& realm, std::string_view message,
                           Delivery* delivery) {
  const Ref<Kdcs> primary = Kdcs::For(Site::Of(kept_, realm, /*primary=*/true));
  if (!primary->Resolve() || primary->HasAddress(delivery->way)) return;
  Delivery second =
      Race(*primary, message,
           std::min<Clock::duration>(Patience(), kPatienceForPrimary));
  if (second.code == 0) *delivery = std::move(second);
}

Clock::duration Transport::Patience() const {
  if (!deadline_) return patience_;
  const Clock::duration left = *deadline_ - Clock::now();
  return std::clamp(left, Clock::duration{}, patience_);
}

bool Transport::Large(std::string_view message) const {
  return message.size() > most_udp_;
}

}  // namespace kpass
