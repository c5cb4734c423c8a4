#include "kerberos/armor.h"

#include <errno.h>
#include <poll.h>

#include <algorithm>
#include <map>
#include <new>
#include <string_view>
#include <utility>

#include "base/exit_gate.h"
#include "base/file_status.h"
#include "base/thread.h"

namespace kpass {
namespace {

using std::chrono::seconds;

// How long a login without armor waits for one that is on its way: at most so
// long, and at most a quarter of its own time.
constexpr std::chrono::milliseconds kPatience{2'000};
constexpr int kPartOfTimeout = 4;
constexpr std::chrono::milliseconds kForever{-1};  // of poll()

// The pause after a failure: the first, doubled each time, and the longest.
constexpr seconds kFirstPause{60};
constexpr seconds kLongestPause{3'600};
// Until a realm without FAST is asked again.
constexpr seconds kPauseWithoutFast{3'600};
// The pause after a failure that no KDC counts, if logins fail without armor.
constexpr seconds kShortPause{1};
// At most one fetch in this time is in place of armor that was not taken.
constexpr seconds kPauseOfReplacing{10};

constexpr const char* kStep = "armor";

struct Registry {
  std::mutex mutex;
  std::map<std::string, Ref<Armor>> armors;
};

// Never destroyed: threads still use it at exit.
Registry& TheRegistry() {
  static Registry* const registry = new Registry;
  return *registry;
}

}  // namespace

class Armor::Fetch final : public RefCounted, private Sender {
 public:
  Fetch(Ref<Armor> armor, bool prove)
      : armor_(std::move(armor)),
        prove_(prove),
        deadline_(Clock::now() + armor_->settings_->timeout) {}

  // On a thread of its own.
  void Run() {
    try {
      const InsideLibkrb5 inside;
      KeptContext kept;
      ArmorLogin login;
      try {
        login =
            LogInForArmor(*armor_->settings_, kept, *this, deadline_, prove_);
      } catch (const std::bad_alloc&) {
        login.ticket = {};
        login.step = "malloc";
        login.code = ENOMEM;
      }
      armor_->Finish(std::move(login));
    } catch (const std::bad_alloc&) {
      // Finish() needs memory for texts only.
    }
    done_.Raise();
  }

  // Readable after Run(). -1: the system gave no descriptor.
  int fd() const { return done_.fd(); }

 private:
  // Nobody abandons a fetch.
  bool LeaveForNetwork(bool) override { return true; }
  bool ReturnFromNetwork() override { return true; }
  const Interrupt& interrupt() const override { return done_; }

  const Ref<Armor> armor_;
  const bool prove_;
  const Clock::time_point deadline_;
  const Interrupt done_;
};

Armor::Armor(Ref<Settings> settings, std::string keytab)
    : settings_(std::move(settings)), keytab_(std::move(keytab)) {}

Armor::~Armor() = default;

Ref<Armor> Armor::For(const Ref<Settings>& settings, const std::string& keytab,
                      const std::string& service) {
  std::string key = settings->config.Names() + '\0' + keytab + '\0' + service +
                    '\0' + settings->fast_principal + '\0' +
                    (settings->fast == FastRule::kRequire ? 'r' : 't');
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  const auto entry = registry.armors.find(key);
  if (entry != registry.armors.end()) return entry->second;
  Ref<Armor> made(new Armor(settings, keytab));
  registry.armors.emplace(std::move(key), made);
  return made;
}

ArmorGrant Armor::ForLogin(bool wait, Sender& sender) {
  Ref<Fetch> fetch;
  bool first = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (IsDue(std::chrono::steady_clock::now())) {
      StartFetch();
      first = true;
    }
    ArmorGrant grant = Take();
    if (grant.ticket || !fetch_) return grant;
    fetch = fetch_;
    wait = wait || Required();
    if (!wait && first) return {};
  }
  const auto patience =
      std::min(kPatience, settings_->timeout / kPartOfTimeout);
  if (!WaitFor(fetch, sender, wait ? kForever : patience)) {
    ArmorGrant abandoned;
    abandoned.report.Refuse("abandoned");
    return abandoned;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  return Take();
}

ArmorGrant Armor::InPlaceOf(const Ref<ArmorTicket>& refused, Sender& sender) {
  Ref<Fetch> fetch;
  ArmorGrant grant;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    grant = Take();
    if (grant.ticket && grant.ticket.get() != refused.get()) return grant;
    const bool paused =
        (refused_ && now < next_ && KeytabState() == keytab_then_) ||
        (replaced_ && now - *replaced_ < kPauseOfReplacing);
    if (!fetch_ && !paused) {
      replaced_ = now;
      StartFetch();
    }
    fetch = fetch_;
  }
  grant = {};
  if (fetch && !WaitFor(fetch, sender, kForever)) {
    grant.report.Refuse("abandoned");
    return grant;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (ticket_ && ticket_.get() != refused.get()) return Take();
  grant.report = failure_;
  if (*grant.report.step == '\0') {
    grant.report.Check(nullptr, kStep, KRB5KRB_ERR_GENERIC);
    grant.report.message =
        "the KDC does not take the armor's ticket, or an impostor answers";
  }
  return grant;
}

bool Armor::Required() const {
  return proven_ || settings_->fast == FastRule::kRequire;
}

bool Armor::IsDue(Now now) const {
  if (fetch_) return false;
  const time_t today = time(nullptr);
  if (ticket_ && Required() && ticket_->IsUsable(today) &&
      !ticket_->IsToRenew(today)) {
    return false;
  }
  return now >= next_ || (refused_ && KeytabState() != keytab_then_);
}

// On failure, Take() tells it.
void Armor::StartFetch() {
  const Ref<Fetch> fetch(new Fetch(
      Ref<Armor>(this), settings_->fast == FastRule::kTry && !proven_));
  if (fetch->fd() < 0) {
    failure_.Check(nullptr, "eventfd", EMFILE);
  } else if (!StartThread([fetch] { fetch->Run(); })) {
    failure_.Check(nullptr, "pthread_create", EAGAIN);
  } else {
    fetch_ = fetch;
  }
}

void Armor::Finish(ArmorLogin login) {
  Ref<ArmorTicket> old;  // ends after the lock
  const std::lock_guard<std::mutex> lock(mutex_);
  const Ref<Fetch> ended = std::exchange(fetch_, {});
  const auto now = std::chrono::steady_clock::now();
  failure_ = static_cast<const NativeReport&>(login);
  refused_ = login.refused;
  if (login.ticket && !login.without_fast) {
    old = std::exchange(ticket_, login.ticket);
    proven_ = proven_ || settings_->fast == FastRule::kTry;
    pause_ = seconds{0};
    next_ = now + kShortPause;
    return;
  }
  if (login.ticket) {
    failure_.Refuse(kStep, "the realm's KDC does not support FAST");
    next_ = now + (Required() ? kShortPause : kPauseWithoutFast);
    return;
  }
  failure_.message =
      "the login of " + login.principal +
      " with the keytab, for the armor of users' logins: " + failure_.message;
  if (Required() && !refused_) {
    next_ = now + kShortPause;
    return;
  }
  if (refused_) keytab_then_ = KeytabState();
  pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
  next_ = now + pause_;
}

// The armor as it is now.
ArmorGrant Armor::Take() {
  if (ticket_ && ticket_->IsUsable(time(nullptr))) return {ticket_, {}};
  ArmorGrant none;
  none.report = failure_;
  if (!Required()) {
    none.report.step = "";
  } else if (*failure_.step == '\0') {
    none.report.Refuse(kStep, "there is no usable ticket");
  }
  return none;
}

// Changes when another file takes the keytab's place.
std::string Armor::KeytabState() const {
  for (const std::string_view type : {"FILE:", "WRFILE:"}) {
    if (keytab_.compare(0, type.size(), type) != 0) continue;
    const auto file = StatusOf(keytab_.c_str() + type.size());
    return file ? file->fingerprint : std::string();
  }
  return {};
}

// Returns false if the login was abandoned meanwhile.
bool Armor::WaitFor(const Ref<Fetch>& fetch, Sender& sender,
                    std::chrono::milliseconds patience) {
  if (!sender.LeaveForNetwork(/*proof=*/false)) return false;
  ExitGate::Leave();
  pollfd polled[] = {{sender.interrupt().fd(), POLLIN, 0},
                     {fetch->fd(), POLLIN, 0}};
  (void)poll(polled, 2, static_cast<int>(patience.count()));
  ExitGate::Enter();
  return sender.ReturnFromNetwork();
}

}  // namespace kpass
