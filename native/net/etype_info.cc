#include "net/etype_info.h"

#include <krb5/krb5.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "net/der.h"
#include "net/message.h"

namespace kpass {
namespace {

using der::Context;
using der::Only;
using der::Take;
using Verdict = EtypeInfo::Verdict;

constexpr uint64_t kMostTimesDefault = 10;
// The bound for a count that comes with an encryption type that takes none.
// libkrb5 keeps that count, and may use it with the encryption type of the next
// reply.
constexpr uint64_t kMostIterations = 327680;
constexpr size_t kCountSize = 4;

// The default count of iterations (RFC 3962, 4; RFC 6803, 3; RFC 8009, 4), or
// 0: the type takes no count.
uint64_t DefaultIterations(int32_t etype) {
  switch (etype) {
    case ENCTYPE_AES128_CTS_HMAC_SHA1_96:
    case ENCTYPE_AES256_CTS_HMAC_SHA1_96:
      return 4096;
    case ENCTYPE_AES128_CTS_HMAC_SHA256_128:
    case ENCTYPE_AES256_CTS_HMAC_SHA384_192:
    case ENCTYPE_CAMELLIA128_CTS_CMAC:
    case ENCTYPE_CAMELLIA256_CTS_CMAC:
      return 32768;
    default:
      return 0;
  }
}

bool IsWeak(int32_t etype) {
  switch (etype) {
    case ENCTYPE_DES_CBC_CRC:
    case ENCTYPE_DES_CBC_MD4:
    case ENCTYPE_DES_CBC_MD5:
    case ENCTYPE_DES3_CBC_SHA1:
    case ENCTYPE_ARCFOUR_HMAC:
    case ENCTYPE_ARCFOUR_HMAC_EXP:
      return true;
    default:
      return false;
  }
}

// Each Read… function returns whether to go on: false once the verdict is
// hostile.
class Reader {
 public:
  EtypeInfo Read(std::string_view reply);

 private:
  bool ReadFields(std::string_view reply, unsigned char field);
  bool ReadErrorData(std::string_view data);
  bool ReadList(std::string_view list);
  bool ReadPadata(std::string_view padata);
  bool ReadInfo(std::string_view info);
  bool ReadEntry(std::string_view entry);
  bool ReadParameters(int32_t etype, std::string_view parameters);
  bool Refuse(Verdict verdict, int32_t etype = 0, uint64_t iterations = 0);

  EtypeInfo info_;
};

bool Reader::Refuse(Verdict verdict, int32_t etype, uint64_t iterations) {
  info_.verdict = verdict;
  info_.etype = etype;
  info_.iterations = iterations;
  return false;
}

EtypeInfo Reader::Read(std::string_view reply) {
  if (Is(MessageType::kKrbError, reply)) {
    (void)ReadFields(reply, Context(12));
  } else if (Is(MessageType::kAsRep, reply)) {
    (void)ReadFields(reply, Context(2));
  }
  return std::move(info_);
}

// libkrb5 ignores bytes after the message.
bool Reader::ReadFields(std::string_view reply, unsigned char field) {
  const bool error = Is(MessageType::kKrbError, reply);
  const auto message = Take(&reply);
  auto fields = message ? Only(message->content, der::kSequence) : std::nullopt;
  if (!fields) return Refuse(Verdict::kUnreadable);
  bool found = false;
  while (const auto element = Take(&*fields)) {
    if (element->tag != field) continue;
    if (std::exchange(found, true)) return Refuse(Verdict::kUnreadable);
    const auto content =
        Only(element->content, error ? der::kOctetString : der::kSequence);
    if (!content) return Refuse(Verdict::kUnreadable);
    if (error ? !ReadErrorData(*content) : !ReadList(*content)) return false;
  }
  return fields->empty() || Refuse(Verdict::kUnreadable);
}

// libkrb5 reads e-data as METHOD-DATA or as TYPED-DATA. Both are a SEQUENCE of
// SEQUENCEs. It ignores other e-data: AD sends KERB-ERROR-DATA ([MS-KILE],
// 2.2.2), which is no such list, and other KDCs send text.
bool Reader::ReadErrorData(std::string_view data) {
  constexpr char kLongTag = 0x1f;
  if (data.empty()) return true;
  if (static_cast<unsigned char>(data.front()) != der::kSequence) {
    return (data.front() & kLongTag) != kLongTag ||
           Refuse(Verdict::kUnreadable);
  }
  const auto list = Only(data, der::kSequence);
  if (!list) return Refuse(Verdict::kUnreadable);
  auto rest = *list;
  while (const auto entry = Take(&rest)) {
    if (entry->tag != der::kSequence) return true;
  }
  return rest.empty() ? ReadList(*list) : Refuse(Verdict::kUnreadable);
}

bool Reader::ReadList(std::string_view list) {
  while (const auto entry = Take(&list)) {
    if (entry->tag != der::kSequence) return Refuse(Verdict::kUnreadable);
    if (!ReadPadata(entry->content)) return false;
  }
  return list.empty() || Refuse(Verdict::kUnreadable);
}

// PA-DATA has fields 1 and 2, an element of TYPED-DATA has fields 0 and 1.
bool Reader::ReadPadata(std::string_view padata) {
  const auto first = Take(&padata);
  const auto second = padata.empty() ? std::nullopt : Take(&padata);
  if (!first || !padata.empty()) return Refuse(Verdict::kUnreadable);
  const bool typed = first->tag == Context(0);
  if (!typed && first->tag != Context(1)) return Refuse(Verdict::kUnreadable);
  const auto number = Only(first->content, der::kInteger);
  const auto type = number ? der::IntegerOf(*number) : std::nullopt;
  if (!type) return Refuse(Verdict::kUnreadable);
  if (*type != KRB5_PADATA_ETYPE_INFO2) return true;
  if (!second || second->tag != Context(typed ? 1 : 2)) {
    return Refuse(Verdict::kUnreadable);
  }
  const auto value = Only(second->content, der::kOctetString);
  if (!value) return Refuse(Verdict::kUnreadable);
  return value->empty() || ReadInfo(*value);
}

bool Reader::ReadInfo(std::string_view info) {
  auto entries = Only(info, der::kSequence);
  if (!entries) return Refuse(Verdict::kUnreadable);
  info_.verdict = Verdict::kAcceptable;
  while (const auto entry = Take(&*entries)) {
    if (entry->tag != der::kSequence) return Refuse(Verdict::kUnreadable);
    if (!ReadEntry(entry->content)) return false;
  }
  return entries->empty() || Refuse(Verdict::kUnreadable);
}

// An entry is an encryption type, then perhaps a salt, then perhaps parameters.
bool Reader::ReadEntry(std::string_view entry) {
  const auto first = Take(&entry);
  if (!first || first->tag != Context(0)) return Refuse(Verdict::kUnreadable);
  const auto number = Only(first->content, der::kInteger);
  const auto type = number ? der::IntegerOf(*number) : std::nullopt;
  if (!type || *type < INT32_MIN || *type > INT32_MAX) {
    return Refuse(Verdict::kUnreadable);
  }
  const auto etype = static_cast<int32_t>(*type);
  info_.etypes.push_back(etype);
  auto next = Take(&entry);
  if (next && next->tag == Context(1)) {
    if (!Only(next->content, der::kGeneralString)) {
      return Refuse(Verdict::kUnreadable);
    }
    next = Take(&entry);
  }
  if (!entry.empty()) return Refuse(Verdict::kUnreadable);
  if (!next) return true;
  const auto parameters = next->tag == Context(2)
                              ? Only(next->content, der::kOctetString)
                              : std::nullopt;
  if (!parameters) return Refuse(Verdict::kUnreadable);
  return ReadParameters(etype, *parameters);
}

bool Reader::ReadParameters(int32_t etype, std::string_view parameters) {
  const uint64_t least = DefaultIterations(etype);
  if (parameters.empty()) return true;
  if (parameters.size() != kCountSize) {
    return least == 0 || Refuse(Verdict::kParameters, etype);
  }
  uint64_t count = 0;
  for (const char byte : parameters) {
    count = count << 8 | static_cast<unsigned char>(byte);
  }
  // RFC 3962, 4: 0 means 2^32.
  if (count == 0) count = uint64_t{1} << 32;
  const uint64_t most =
      least == 0 ? kMostIterations : kMostTimesDefault * least;
  if (count >= least && count <= most) return true;
  return Refuse(Verdict::kIterations, etype, count);
}

}  // namespace

bool EtypeInfo::only_weak() const {
  return !etypes.empty() && std::all_of(etypes.begin(), etypes.end(), IsWeak);
}

EtypeInfo ReadEtypeInfo(std::string_view reply) { return Reader().Read(reply); }

}  // namespace kpass
