// Carries messages to KDCs and their replies back, in libkrb5's place.
//
// libkrb5 waits a second in each exchange for each KDC that is dead, holds its
// thread for up to a minute when all are silent, whatever happens to the call
// meanwhile, and may send one try of a password to two KDCs, which both count
// it. Here
// - a message without proof of the password is raced: no KDC minds it;
// - one with proof goes to the KDC that asked for it and to no other;
// - which KDCs answer is remembered (kdcs.h);
// - the wait ends at once when it is interrupted.
//
// RFC 4120, 7.2: UDP and TCP; https://web.mit.edu/kerberos/krb5-latest/doc/
// admin/conf_files/krb5_conf.html: udp_preference_limit, request_timeout.

#ifndef KPASS_TRANSPORT_H_
#define KPASS_TRANSPORT_H_

#include <krb5/krb5.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/platform.h"
#include "net/kdcs.h"

namespace kpass {

// Ends a wait for the network, from any thread.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  void Raise() const;
  int fd() const { return wakeup_.wait; }  // -1: the system refused one

 private:
  const Wakeup wakeup_;
};

struct Delivery {
  // 0; KRB5_KDC_UNREACH: nobody answered, or it was interrupted;
  // KRB5KDC_ERR_SVC_UNAVAILABLE: who did is unwell; or errno.
  krb5_error_code code = 0;
  std::string reply;
  Way way;  // by which it came
};

// The messages of one conversation, on one thread.
class Transport {
 public:
  // Gets a line for each message sent or received.
  using Note = std::function<void(const std::string& line)>;

  // All of these must outlive it.
  Transport(const KeptContext& kept, const Interrupt& interrupt, Note note);

  // What follows is another try for a ticket: any KDC will do.
  void BeginTry();

  // Holds the thread until there is a reply. Nothing: only libkrb5 knows how to
  // reach the KDCs of that realm.
  std::optional<Delivery> Carry(const std::string& realm,
                                std::string_view message);

 private:
  Delivery Race(Kdcs& kdcs, std::string_view message, Clock::duration patience);
  Delivery CarryUnproven(const std::string& realm, Kdcs& kdcs,
                         std::string_view message);
  Delivery CarryProof(Kdcs& kdcs, std::string_view message);
  void AskPrimary(const std::string& realm, std::string_view message,
                  Delivery* delivery);
  bool Large(std::string_view message) const;

  const KeptContext& kept_;
  const Interrupt& interrupt_;
  const Note note_;
  const Clock::duration patience_;
  const size_t most_udp_;
  std::optional<Way> kdc_;  // whom the AS exchange is with
  bool failed_ = false;     // it has come to an error
};

}  // namespace kpass

#endif  // KPASS_TRANSPORT_H_
