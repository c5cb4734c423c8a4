#include "net/message.h"

namespace kpass {
namespace {

// Universal and context-specific tags. All but kInteger and
// kGeneralString are constructed.
constexpr unsigned char kInteger = 0x02;
constexpr unsigned char kGeneralString = 0x1b;
constexpr unsigned char kSequence = 0x30;
constexpr unsigned char Context(int number) {
  return static_cast<unsigned char>(0xa0 | number);
}

struct Element {
  unsigned char tag = 0;
  std::string_view content;
};

// Removes the first element from `bytes`. Nothing: no whole element is there.
std::optional<Element> Take(std::string_view* bytes) {
  const auto byte = [bytes](size_t i) {
    return static_cast<unsigned char>((*bytes)[i]);
  };
  if (bytes->size() < 2) return std::nullopt;
  // A tag of several bytes. No Kerberos message needs one, but some readers
  // take it for a short tag.
  if ((byte(0) & 0x1f) == 0x1f) return std::nullopt;
  size_t length = byte(1);
  size_t start = 2;
  if (length > 0x80) {
    const size_t count = length - 0x80;
    if (count > sizeof(uint32_t) || bytes->size() < start + count) {
      return std::nullopt;
    }
    length = 0;
    for (; start < 2 + count; ++start) length = length << 8 | byte(start);
  } else if (length == 0x80) {  // BER's indefinite length
    return std::nullopt;
  }
  if (bytes->size() - start < length) return std::nullopt;
  const Element element{byte(0), bytes->substr(start, length)};
  bytes->remove_prefix(start + length);
  return element;
}

// The content of the first element with this tag.
std::optional<std::string_view> Find(std::string_view in, unsigned char tag) {
  while (const auto element = Take(&in)) {
    if (element->tag == tag) return element->content;
  }
  return std::nullopt;
}

// The fields of a message of this type.
std::optional<std::string_view> FieldsOf(std::string_view message,
                                         MessageType type) {
  const auto body = Find(message, static_cast<unsigned char>(type));
  return body ? Find(*body, kSequence) : std::nullopt;
}

std::optional<int64_t> Integer(std::string_view fields, unsigned char tag) {
  const auto field = Find(fields, tag);
  const auto bytes = field ? Find(*field, kInteger) : std::nullopt;
  if (!bytes || bytes->empty() || bytes->size() > 5) return std::nullopt;
  const bool negative =
      (static_cast<unsigned char>(bytes->front()) & 0x80) != 0;
  int64_t value = negative ? -1 : 0;
  for (const char byte : *bytes) {
    value = value * 256 + static_cast<unsigned char>(byte);
  }
  return value;
}

// Padata types that only announce what the client can do.
// https://www.iana.org/assignments/kerberos-parameters, "Pre-authentication and
// Typed Data".
bool ProvesNothing(int64_t padata_type) {
  switch (padata_type) {
    case 128:  // PA-PAC-REQUEST
    case 149:  // PA-REQ-ENC-PA-REP
    case 150:  // PA-AS-FRESHNESS
    case 167:  // PA-PAC-OPTIONS
      return true;
    default:
      return false;
  }
}

// Whether an entry of a padata list may prove the password.
bool AnyProves(std::string_view padata) {
  auto list = Find(padata, kSequence);
  if (!list) return true;
  while (const auto entry = Take(&*list)) {
    const auto type = Integer(entry->content, Context(1));
    if (!type || !ProvesNothing(*type)) return true;
  }
  return !list->empty();
}

}  // namespace

bool Is(MessageType type, std::string_view message) {
  return !message.empty() && static_cast<unsigned char>(message.front()) ==
                                 static_cast<unsigned char>(type);
}

std::optional<int64_t> ErrorCode(std::string_view message) {
  const auto fields = FieldsOf(message, MessageType::kKrbError);
  return fields ? Integer(*fields, Context(6)) : std::nullopt;
}

std::optional<std::string_view> ClientRealm(std::string_view reply) {
  const bool refers = ErrorCode(reply) == kWrongRealm;
  const auto fields = FieldsOf(
      reply, refers ? MessageType::kKrbError : MessageType::kAsRep);
  const auto field =
      fields ? Find(*fields, Context(refers ? 7 : 3)) : std::nullopt;
  return field ? Find(*field, kGeneralString) : std::nullopt;
}

RequestKind KindOf(std::string_view request) {
  if (!Is(MessageType::kAsReq, request)) return RequestKind::kOther;
  return MayProvePassword(request) ? RequestKind::kAsReqWithProof
                                   : RequestKind::kAsReq;
}

bool MayProvePassword(std::string_view as_req) {
  auto fields = FieldsOf(as_req, MessageType::kAsReq);
  if (!fields) return true;
  while (const auto field = Take(&*fields)) {
    if (field->tag == Context(3) && AnyProves(field->content)) return true;
  }
  return !fields->empty();
}

}  // namespace kpass
