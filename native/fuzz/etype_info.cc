// Fuzzes the reader of ETYPE-INFO2 (net/etype_info.h) with replies to an
// AS-REQ.
//
// These rules must hold:
// - The verdict is hostile if libkrb5's own decoders find parameters that are
//   out of bounds, in any entry of any ETYPE-INFO2.
// - A reply is not kUnreadable if libkrb5 encodes the decoded reply to the same
//   bytes.
// - An acceptable reply has the encryption types that libkrb5 finds.

#include "net/etype_info.h"

#include <krb5/krb5.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <optional>

#include "der.h"
#include "mutate.h"
#include "net/message.h"
#include "stage.h"

// From k5-int.h. libkrb5 exports these functions, but none of its public
// headers declares them.
extern "C" {
struct krb5_etype_info_entry {
  krb5_magic magic;
  krb5_enctype etype;
  unsigned length;
  krb5_octet* salt;
  krb5_data s2kparams;
};
using Padata = krb5_pa_data**;
using Entries = krb5_etype_info_entry**;

krb5_error_code decode_krb5_error(const krb5_data* bytes, krb5_error** error);
krb5_error_code decode_krb5_as_rep(const krb5_data* bytes, krb5_kdc_rep** rep);
krb5_error_code decode_krb5_padata_sequence(const krb5_data* bytes,
                                            Padata* padata);
krb5_error_code decode_krb5_typed_data(const krb5_data* bytes, Padata* padata);
krb5_error_code decode_krb5_etype_info2(const krb5_data* bytes,
                                        Entries* entries);
krb5_error_code encode_krb5_error(const krb5_error* error, krb5_data** bytes);
krb5_error_code encode_krb5_as_rep(const krb5_kdc_rep* rep, krb5_data** bytes);
krb5_error_code encode_krb5_padata_sequence(krb5_pa_data* const* padata,
                                            krb5_data** bytes);
krb5_error_code encode_krb5_typed_data(krb5_pa_data* const* padata,
                                       krb5_data** bytes);
krb5_error_code encode_krb5_etype_info2(krb5_etype_info_entry* const* entries,
                                        krb5_data** bytes);
void krb5_free_kdc_rep(krb5_context context, krb5_kdc_rep* rep);
void krb5_free_pa_data(krb5_context context, Padata padata);
void krb5_free_etype_info(krb5_context context, Entries entries);
}

namespace kpass::fuzz {
namespace {

using Verdict = EtypeInfo::Verdict;

constexpr unsigned char kErrorTag = 0x7e;
constexpr unsigned char kAsRepTag = 0x6b;

// --- Messages to begin with --------------------------------------------------

std::string AnyParameters(Random& random) {
  static const std::array<std::string, 9> kParameters = {
      std::string("\0\0\x10\0", 4),                                  // 4,096
      std::string("\0\0\x0f\xff", 4), std::string("\0\0\xa0\0", 4),  // 40,960
      std::string("\0\0\xa0\x01", 4), std::string("\0\0\x80\0", 4),  // 32,768
      std::string("\0\x05\0\x01", 4), std::string("\0\xff\xff\xff", 4),
      std::string(4, '\0'),           std::string("\1", 1)};
  return kParameters[Below(kParameters.size(), random)];
}

Element AnyInfo(Random& random) {
  constexpr std::array kTypes = {18, 17, 19, 20, 25, 26, 23, 16, 3, -1};
  Element entries = Tree(0x30, {});
  for (size_t count = Below(4, random); count > 0; --count) {
    Element entry =
        Tree(0x30, {Field(0, Integer(kTypes[Below(kTypes.size(), random)]))});
    if (Below(2, random) == 0) {
      entry.children.push_back(Field(1, Primitive(0x1b, "EXAMPLE.COMalice")));
    }
    if (Below(2, random) == 0) {
      entry.children.push_back(Field(2, Primitive(4, AnyParameters(random))));
    }
    entries.children.push_back(std::move(entry));
  }
  return entries;
}

// `first` is the number of the first field. It differs between PA-DATA and
// TYPED-DATA.
Element AnyPadata(int first, Random& random) {
  constexpr std::array kOthers = {2, 3, 11, 133, 136, 151};
  Element list = Tree(0x30, {});
  for (size_t count = Below(4, random); count > 0; --count) {
    const bool info = Below(2, random) == 0;
    const int32_t type =
        info ? KRB5_PADATA_ETYPE_INFO2 : kOthers[Below(kOthers.size(), random)];
    const std::string value = info ? Encode(AnyInfo(random)) : "value";
    list.children.push_back(Tree(
        0x30,
        {Field(first, Integer(type)), Field(first + 1, Primitive(4, value))}));
  }
  return list;
}

std::string AnyErrorData(Random& random) {
  switch (Below(8, random)) {
    case 0:
      return "text";
    case 1:  // KERB-ERROR-DATA
      return Encode(
          Tree(0x30, {Field(1, Integer(3)), Field(2, Primitive(4, "status"))}));
    case 2:
      return Encode(AnyPadata(0, random));
    default:
      return Encode(AnyPadata(1, random));
  }
}

// RFC 4120, 5.9.1.
std::string AnyError(Random& random) {
  return Encode(Tree(
      kErrorTag,
      {Tree(0x30,
            {Field(0, Integer(5)), Field(1, Integer(KRB5_ERROR)),
             Field(4, Primitive(0x18, "20300101000000Z")), Field(5, Integer(0)),
             Field(6, Integer(25)), Field(9, Primitive(0x1b, "EXAMPLE.COM")),
             Field(10, Name(KRB5_NT_SRV_INST, {"HTTP", "localhost"})),
             Field(12, Primitive(4, AnyErrorData(random)))})}));
}

// RFC 4120, 5.4.2.
std::string AnyAsRep(Random& random) {
  const auto encrypted = [] {
    return Tree(0x30,
                {Field(0, Integer(18)), Field(2, Primitive(4, "cipher"))});
  };
  Element ticket =
      Tree(0x61,
           {Tree(0x30, {Field(0, Integer(5)),
                        Field(1, Primitive(0x1b, "EXAMPLE.COM")),
                        Field(2, Name(KRB5_NT_SRV_INST, {"HTTP", "localhost"})),
                        Field(3, encrypted())})});
  return Encode(
      Tree(kAsRepTag,
           {Tree(0x30, {Field(0, Integer(5)), Field(1, Integer(KRB5_AS_REP)),
                        Field(2, AnyPadata(1, random)),
                        Field(3, Primitive(0x1b, "EXAMPLE.COM")),
                        Field(4, Name(KRB5_NT_PRINCIPAL, {"alice"})),
                        Field(5, std::move(ticket)), Field(6, encrypted())})}));
}

std::string AnyReply(Random& random) {
  return Below(3, random) == 0 ? AnyAsRep(random) : AnyError(random);
}

// --- The same, read by libkrb5 -----------------------------------------------

struct Seen {
  bool out_of_bounds = false;
  bool strict = true;  // libkrb5 encodes all that it read to the same bytes
  std::vector<int32_t> etypes;
};

template <typename Value, typename Encoder>
bool Reencodes(const Value* value, Encoder encode, const krb5_data& bytes) {
  krb5_data* again = nullptr;
  if (encode(value, &again) != 0) return false;
  const bool same = View(*again) == View(bytes);
  krb5_free_data(nullptr, again);
  return same;
}

bool IsOutOfBounds(const krb5_etype_info_entry& entry) {
  const std::string_view parameters = View(entry.s2kparams);
  if (parameters.size() != 4) return false;
  uint64_t count = 0;
  for (const char byte : parameters) {
    count = count * 256 + static_cast<unsigned char>(byte);
  }
  switch (entry.etype) {
    case 17:
    case 18:
      return count < 4096 || count > 40960;
    case 19:
    case 20:
    case 25:
    case 26:
      return count < 32768 || count > 327680;
    default:
      return count == 0 || count > 327680;
  }
}

void LookAtInfo(const krb5_pa_data& padata, Seen* seen) {
  if (padata.length == 0) return;
  const krb5_data bytes =
      DataOf({reinterpret_cast<const char*>(padata.contents), padata.length});
  Entries entries = nullptr;
  if (decode_krb5_etype_info2(&bytes, &entries) != 0) {
    seen->strict = false;
    return;
  }
  if (!Reencodes(entries, encode_krb5_etype_info2, bytes)) seen->strict = false;
  for (Entries each = entries; *each != nullptr; ++each) {
    seen->etypes.push_back((*each)->etype);
    seen->out_of_bounds = seen->out_of_bounds || IsOutOfBounds(**each);
  }
  krb5_free_etype_info(nullptr, entries);
}

void LookAt(krb5_pa_data* const* padata, Seen* seen) {
  for (; padata != nullptr && *padata != nullptr; ++padata) {
    if ((*padata)->pa_type == KRB5_PADATA_ETYPE_INFO2) {
      LookAtInfo(**padata, seen);
    }
  }
}

void LookAtErrorData(const krb5_data& bytes, Seen* seen) {
  if (bytes.length == 0) return;
  Padata padata = nullptr;
  bool same = false;
  if (decode_krb5_padata_sequence(&bytes, &padata) == 0) {
    same = Reencodes(padata, encode_krb5_padata_sequence, bytes);
  } else if (decode_krb5_typed_data(&bytes, &padata) == 0) {
    same = Reencodes(padata, encode_krb5_typed_data, bytes);
  }
  if (!same) seen->strict = false;
  LookAt(padata, seen);
  krb5_free_pa_data(nullptr, padata);
}

// Returns nothing if libkrb5 refuses the reply.
std::optional<Seen> LookAtReply(std::string_view reply) {
  const krb5_data bytes = DataOf(reply);
  Seen seen;
  krb5_error* error = nullptr;
  krb5_kdc_rep* rep = nullptr;
  if (Is(MessageType::kKrbError, reply)) {
    if (decode_krb5_error(&bytes, &error) != 0) return std::nullopt;
    seen.strict = Reencodes(error, encode_krb5_error, bytes);
    LookAtErrorData(error->e_data, &seen);
    krb5_free_error(nullptr, error);
    return seen;
  }
  if (Is(MessageType::kAsRep, reply)) {
    if (decode_krb5_as_rep(&bytes, &rep) != 0) return std::nullopt;
    seen.strict = rep->msg_type == KRB5_AS_REP &&
                  Reencodes(rep, encode_krb5_as_rep, bytes);
    LookAt(rep->padata, &seen);
    krb5_free_kdc_rep(nullptr, rep);
    return seen;
  }
  return std::nullopt;
}

void Check(std::string_view reply) {
  const EtypeInfo info = ReadEtypeInfo(reply);
  const auto seen = LookAtReply(reply);
  if (!seen) return;
  if (seen->out_of_bounds && !info.hostile())
    Violated("a hostile reply passes");
  if (!info.hostile() && !seen->etypes.empty() && info.etypes != seen->etypes) {
    Violated("other encryption types than libkrb5's");
  }
  if (seen->strict && info.verdict == Verdict::kUnreadable) {
    Violated("a strict reply is not read");
  }
  if (seen->strict && !seen->out_of_bounds &&
      info.verdict == Verdict::kIterations) {
    Violated("a fair reply is refused");
  }
}

}  // namespace
}  // namespace kpass::fuzz

extern "C" {

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most,
                               unsigned seed) {
  using namespace kpass::fuzz;
  Random random(seed);
  std::string reply(reinterpret_cast<char*>(data), size);
  if (reply.empty() || Below(4, random) == 0) reply = AnyReply(random);
  for (size_t times = Below(4, random); times > 0; --times) {
    if (Below(8, random) == 0 ||
        !MutateElement(&reply, AnyReply(random), random)) {
      MutateBytes(&reply);
    }
  }
  const size_t length = std::min(most, reply.size());
  memcpy(data, reply.data(), length);
  return length;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kpass::fuzz::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}

}  // extern "C"
