// Fuzzes the readers of message.h: whether an AS-REQ may prove the password,
// the code of an error, and the realm of the client.
//
// Three rules must hold:
// - MayProvePassword() is true if libkrb5's own decoder finds a padata type
//   that is not in kHarmless. A KDC uses that decoder.
// - HasArmor() is true of an AS-REQ only if that decoder finds armor.
// - For valid DER, each reader gives the right answer.

#include <krb5/krb5.h>
#include <string.h>

#include <algorithm>
#include <array>

#include "der.h"
#include "mutate.h"
#include "net/message.h"
#include "stage.h"

// A KDC's decoder. libkrb5 exports it, but none of its headers declares it.
extern "C" krb5_error_code decode_krb5_as_req(const krb5_data* message,
                                              krb5_kdc_req** request);
extern "C" void krb5_free_kdc_req(krb5_context context, krb5_kdc_req* request);

namespace kpass::fuzz {
namespace {

// PA-PAC-REQUEST, PA-REQ-ENC-PA-REP, PA-AS-FRESHNESS, PA-PAC-OPTIONS.
constexpr std::array kHarmless = {128, 149, 150, 167};
// Some that prove a password: encrypted timestamp, encrypted challenge, SPAKE,
// SAM response, FAST. Then a cookie, PKINIT, and types that do not exist.
constexpr std::array kOthers = {2, 138, 151, 13, 136, 133, 16, 0, -1, 0x10080};

bool IsHarmless(int64_t type) {
  return std::find(kHarmless.begin(), kHarmless.end(), type) != kHarmless.end();
}

// --- Messages to begin with --------------------------------------------------

Element AnyPadata(Random& random) {
  const int32_t type = Below(3, random) != 0
                           ? kHarmless[Below(kHarmless.size(), random)]
                           : kOthers[Below(kOthers.size(), random)];
  const std::string value(Below(40, random), 'v');
  return Tree(0x30, {Field(1, Integer(type)), Field(2, Primitive(4, value))});
}

// RFC 4120, 5.4.1.
std::string AnyAsReq(Random& random) {
  Element padata = Tree(0x30, {});
  for (size_t count = Below(5, random); count > 0; --count) {
    padata.children.push_back(AnyPadata(random));
  }
  const Element body =
      Tree(0x30, {Field(0, Primitive(0x03, std::string("\0\0\0\0\x10", 5))),
                  Field(1, Name(KRB5_NT_PRINCIPAL, {"alice"})),
                  Field(2, Primitive(0x1b, "EXAMPLE.COM")),
                  Field(3, Name(KRB5_NT_SRV_INST, {"HTTP", "localhost"})),
                  Field(5, Primitive(0x18, "20300101000000Z")),
                  Field(7, Integer(4711)),
                  Field(8, Tree(0x30, {Integer(18), Integer(17)}))});
  Element fields =
      Tree(0x30, {Field(1, Integer(5)), Field(2, Integer(KRB5_AS_REQ))});
  if (!padata.children.empty() || Below(4, random) == 0) {
    fields.children.push_back(Field(3, std::move(padata)));
  }
  fields.children.push_back(Field(4, body));
  return Encode(Tree(0x6a, {std::move(fields)}));
}

// RFC 4120, 5.9.1.
std::string AnyError(Random& random) {
  constexpr std::array kCodes = {25, 24, 29, 52, 68, 0, 127, -1, INT32_MAX};
  return Encode(Tree(
      0x7e,
      {Tree(0x30,
            {Field(0, Integer(5)), Field(1, Integer(KRB5_ERROR)),
             Field(4, Primitive(0x18, "20300101000000Z")), Field(5, Integer(0)),
             Field(6, Integer(kCodes[Below(kCodes.size(), random)])),
             Field(7, Primitive(0x1b, "example.com")),
             Field(9, Primitive(0x1b, "EXAMPLE.COM")),
             Field(10, Name(KRB5_NT_SRV_INST, {"HTTP", "localhost"}))})}));
}

std::string AnyMessage(Random& random) {
  return Below(3, random) == 0 ? AnyError(random) : AnyAsReq(random);
}

// --- Other readers of the same messages --------------------------------------

// Whether libkrb5 finds types that are not harmless. Returns nothing if libkrb5
// cannot read the message.
std::optional<bool> KdcSeesOthers(std::string_view message) {
  const krb5_data data = DataOf(message);
  krb5_kdc_req* request = nullptr;
  if (decode_krb5_as_req(&data, &request) != 0) return std::nullopt;
  bool others = false;
  for (krb5_pa_data** each = request->padata;
       each != nullptr && *each != nullptr; ++each) {
    others = others || !IsHarmless((*each)->pa_type);
  }
  krb5_free_kdc_req(nullptr, request);
  return others;
}

// Returns nothing if `bytes` are not valid DER.
std::optional<std::vector<Element>> ParseDer(std::string_view bytes) {
  std::vector<Element> message;
  if (!ParseElements(bytes, &message)) return std::nullopt;
  std::vector<Position> positions;
  Collect(&message, &positions);
  for (const auto& [row, at] : positions) {
    (*row)[at].framing = Framing::kShortest;
  }
  if (Encode(message) != bytes) return std::nullopt;
  return message;
}

// The only child of the element. Returns null unless there is exactly one child
// and it has this tag and content of the right kind.
const Element* Only(const Element* element, unsigned char tag) {
  if (element == nullptr || element->children.size() != 1) return nullptr;
  const Element& child = element->children.front();
  const bool constructed = (tag & 0x20) != 0;
  const bool fits = child.tag == tag && constructed == child.content.empty();
  return fits ? &child : nullptr;
}

// The value of a field that holds an INTEGER of 32 bits.
std::optional<int64_t> NumberIn(const Element* field) {
  const Element* integer = Only(field, 0x02);
  if (integer == nullptr || integer->content.empty() ||
      integer->content.size() > 4) {
    return std::nullopt;
  }
  int64_t value = static_cast<signed char>(integer->content[0]);
  for (const char byte : integer->content.substr(1)) {
    value = value * 256 + static_cast<unsigned char>(byte);
  }
  return value;
}

// The fields of a well-formed message: each field at most once, in this order,
// and no other fields.
const std::vector<Element>* FieldsOf(const std::vector<Element>& message,
                                     unsigned char tag,
                                     std::string_view order) {
  if (message.size() != 1 || message.front().tag != tag) return nullptr;
  const Element* fields = Only(&message.front(), 0x30);
  if (fields == nullptr) return nullptr;
  for (const Element& field : fields->children) {
    const size_t at = order.find(static_cast<char>(field.tag));
    if (at == std::string_view::npos) return nullptr;
    order.remove_prefix(at + 1);
  }
  return &fields->children;
}

// Whether a well-formed AS-REQ has types that are not harmless. Returns nothing
// if it is not well-formed.
std::optional<bool> HasOthers(const std::vector<Element>& message) {
  const auto* fields = FieldsOf(message, 0x6a, "\xa1\xa2\xa3\xa4");
  if (fields == nullptr) return std::nullopt;
  const Element* padata = Find(*fields, {0xa3});
  if (padata == nullptr) return false;
  const Element* list = Only(padata, 0x30);
  if (list == nullptr) return std::nullopt;
  bool others = false;
  for (const Element& entry : list->children) {
    const auto type = NumberIn(Find(entry.children, {0xa1}));
    if (entry.tag != 0x30 || entry.children.size() != 2 ||
        entry.children.back().tag != 0xa2 || !type) {
      return std::nullopt;
    }
    others = others || !IsHarmless(*type);
  }
  return others;
}

// Whether libkrb5 finds PA-FX-FAST with a value. Returns nothing if libkrb5
// cannot read the message.
std::optional<bool> KdcSeesArmor(std::string_view message) {
  const krb5_data data = DataOf(message);
  krb5_kdc_req* request = nullptr;
  if (decode_krb5_as_req(&data, &request) != 0) return std::nullopt;
  bool armor = false;
  for (krb5_pa_data** each = request->padata;
       each != nullptr && *each != nullptr; ++each) {
    armor = armor ||
            ((*each)->pa_type == KRB5_PADATA_FX_FAST && (*each)->length > 0);
  }
  krb5_free_kdc_req(nullptr, request);
  return armor;
}

void CheckRequest(std::string_view bytes) {
  const bool may = MayProvePassword(bytes);
  if (HasArmor(bytes) && KdcSeesArmor(bytes) == false) {
    Violated("armor that is not there");
  }
  if (!may && KdcSeesOthers(bytes) == true) Violated("a proof goes unseen");
  const auto message = ParseDer(bytes);
  if (!message) return;
  const auto others = HasOthers(*message);
  if (others && *others != may) Violated("not what the request holds");
}

void CheckError(std::string_view bytes) {
  const auto code = ErrorCode(bytes);
  (void)HasArmor(bytes);
  const auto message = ParseDer(bytes);
  if (!message) return;
  constexpr char kFields[] =
      "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac";
  const auto* fields = FieldsOf(*message, 0x7e, kFields);
  if (fields == nullptr) return;
  const auto number = NumberIn(Find(*fields, {0xa6}));
  if (number && number != code) Violated("another number than the error's");
  const Element* realm = Only(Find(*fields, {0xa7}), 0x1b);
  if (number && realm != nullptr) {
    const auto read = ClientRealm(bytes);
    if ((number == kWrongRealm) != read.has_value() ||
        (read && *read != realm->content)) {
      Violated("another realm than the error's");
    }
  }
}

}  // namespace
}  // namespace kpass::fuzz

extern "C" {

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most,
                               unsigned seed) {
  using namespace kpass::fuzz;
  Random random(seed);
  std::string message(reinterpret_cast<char*>(data), size);
  if (message.empty() || Below(4, random) == 0) message = AnyMessage(random);
  for (size_t times = Below(4, random); times > 0; --times) {
    if (Below(8, random) == 0 ||
        !MutateElement(&message, AnyMessage(random), random)) {
      MutateBytes(&message);
    }
  }
  const size_t length = std::min(most, message.size());
  memcpy(data, message.data(), length);
  return length;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kpass::fuzz;
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  CheckRequest(message);
  CheckError(message);
  return 0;
}

}  // extern "C"
