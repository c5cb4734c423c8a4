// Reads ETYPE-INFO2 (RFC 4120, 5.2.7.5): how a KDC wants the client to make a
// key from the password. A hostile KDC can ask for millions of iterations
// there, and libkrb5 computes up to 2^24 of them without a way to stop it.
//
// Anybody can forge such a reply, so the reader fails closed. libkrb5 reads
// some forms that DER forbids, keeps parameters from one reply to the next, and
// chooses one of several entries. So the verdict is about all entries, and any
// form that is not strict DER is kUnreadable.

#ifndef KPASS_ETYPE_INFO_H_
#define KPASS_ETYPE_INFO_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace kpass {

struct EtypeInfo {
  enum class Verdict {
    kNone,        // libkrb5 finds no ETYPE-INFO2 in the reply
    kAcceptable,  // all entries are within bounds
    // The rest is the fault of the KDC, or of somebody who answers for it:
    kIterations,  // `etype` with `iterations`, which are out of bounds
    kParameters,  // `etype` with parameters that it does not take
    kUnreadable,  // the reply may hold ETYPE-INFO2, but cannot be read
  };

  Verdict verdict = Verdict::kNone;
  int32_t etype = 0;
  uint64_t iterations = 0;
  // The encryption types of all entries, in their order. Complete only if the
  // verdict is kAcceptable.
  std::vector<int32_t> etypes;

  bool hostile() const { return verdict > Verdict::kAcceptable; }
  // Whether there are entries, and all of them are for DES, 3DES or RC4.
  bool only_weak() const;
};

// Reads the reply to an AS-REQ: the e-data of a KRB-ERROR, or the padata of an
// AS-REP. Any other message has none: libkrb5 does not read it.
//
// Bounds: from the default of the encryption type (4,096 for aes-sha1, 32,768
// for aes-sha2 and camellia) to ten times the default. libkrb5 itself refuses
// fewer iterations, and parameters of another length than four bytes.
EtypeInfo ReadEtypeInfo(std::string_view reply);

}  // namespace kpass

#endif  // KPASS_ETYPE_INFO_H_
