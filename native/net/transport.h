// Carries messages to KDCs and their replies back, in libkrb5's place.
//
// libkrb5's own transport waits a second in each exchange for each KDC that is
// dead. It holds its thread for up to a minute when all KDCs are silent, even
// if the call was abandoned. It may send one password to two KDCs, and both
// count it. kpass's transport differs:
// - a message without proof of the password is raced: no KDC counts it;
// - a message with proof goes to the KDC that asked for it, and to no other;
// - it remembers which KDCs answer (kdcs.h);
// - an interrupt ends the wait at once.
//
// https://web.mit.edu/kerberos/krb5-latest/doc/admin/conf_files/krb5_conf.html:
// udp_preference_limit, request_timeout.

#ifndef KPASS_TRANSPORT_H_
#define KPASS_TRANSPORT_H_

#include <optional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "net/exchange.h"
#include "net/interrupt.h"
#include "net/kdcs.h"

namespace kpass {

// Carries the messages of one conversation, and remembers what it learns from
// them. All calls come from one thread.
class Transport {
 public:
  // `kept` and `interrupt` must outlive the Transport.
  Transport(const KeptContext& kept, const Interrupt& interrupt,
            MessageLog log);

  // From now on only the primary KDCs are asked, if any are known.
  void AskOnlyPrimary() { only_primary_ = true; }

  // Another request for a ticket begins: its first message may go to any KDC.
  void BeginTry();

  // After this time, no message waits for a reply.
  void SetDeadline(Clock::time_point deadline) { deadline_ = deadline; }

  // Holds the thread until there is a reply. Returns nothing if only libkrb5
  // knows how to reach the KDCs of the realm.
  std::optional<Delivery> Carry(const std::string& realm,
                                std::string_view message, RequestKind kind);

 private:
  Delivery Dispatch(const std::string& realm, Kdcs& kdcs,
                    std::string_view message, RequestKind kind);
  Delivery Race(Kdcs& kdcs, std::string_view message, Clock::duration patience);
  Delivery CarryUnproven(const std::string& realm, Kdcs& kdcs,
                         std::string_view message);
  Delivery CarryProof(Kdcs& kdcs, std::string_view message);
  void AskPrimary(const std::string& realm, std::string_view message,
                  Delivery* delivery);
  Clock::duration Patience() const;
  bool Large(std::string_view message) const;

  const KeptContext& kept_;
  const Interrupt& interrupt_;
  const MessageLog log_;
  const Clock::duration patience_;
  std::optional<Clock::time_point> deadline_;
  const size_t most_udp_;
  bool only_primary_ = false;
  std::optional<Way> kdc_;  // the KDC of the AS exchange
};

}  // namespace kpass

#endif  // KPASS_TRANSPORT_H_
