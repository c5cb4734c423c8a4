#include "net/message.h"

#include "net/der.h"

namespace kpass {
namespace {

using der::Context;
using der::Find;
using der::Take;

// The fields of a message of this type.
std::optional<std::string_view> FieldsOf(std::string_view message,
                                         MessageType type) {
  const auto body = Find(message, static_cast<unsigned char>(type));
  return body ? Find(*body, der::kSequence) : std::nullopt;
}

std::optional<int64_t> Integer(std::string_view fields, unsigned char tag) {
  const auto field = Find(fields, tag);
  const auto bytes = field ? Find(*field, der::kInteger) : std::nullopt;
  return bytes ? der::IntegerOf(*bytes) : std::nullopt;
}

// The METHOD-DATA in a KRB-ERROR.
std::optional<std::string_view> MethodsOf(std::string_view reply) {
  const auto fields = FieldsOf(reply, MessageType::kKrbError);
  const auto field = fields ? Find(*fields, Context(12)) : std::nullopt;
  const auto data = field ? Find(*field, der::kOctetString) : std::nullopt;
  return data ? Find(*data, der::kSequence) : std::nullopt;
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

// Whether a padata type in a KDC's error names a mechanism. The other types
// tell how to make the key, or which features the KDC has.
bool IsMechanism(int64_t padata_type) {
  switch (padata_type) {
    case 3:    // PA-PW-SALT
    case 10:   // PA-AFS3-SALT
    case 11:   // PA-ETYPE-INFO
    case 19:   // PA-ETYPE-INFO2
    case 133:  // PA-FX-COOKIE
    case 136:  // PA-FX-FAST
    case 138:  // PA-ENCRYPTED-CHALLENGE: under armor only
      return false;
    default:
      return !ProvesNothing(padata_type);
  }
}

bool TakesPassword(int64_t padata_type) {
  constexpr int64_t kEncTimestamp = 2;
  constexpr int64_t kSpake = 151;
  return padata_type == kEncTimestamp || padata_type == kSpake;
}

// Whether an entry of a padata list may prove the password.
bool AnyProves(std::string_view padata) {
  auto list = Find(padata, der::kSequence);
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

ProofAsked ProofAskedIn(std::string_view reply) {
  auto methods = MethodsOf(reply);
  ProofAsked asked = ProofAsked::kNone;
  while (const auto method = methods ? Take(&*methods) : std::nullopt) {
    const auto type = Integer(method->content, Context(1));
    if (!type || !IsMechanism(*type)) continue;
    if (TakesPassword(*type)) return ProofAsked::kPassword;
    asked = ProofAsked::kOther;
  }
  return asked;
}

bool HasArmor(std::string_view message) {
  constexpr int64_t kFast = 136;
  std::optional<std::string_view> list;
  if (Is(MessageType::kAsReq, message)) {
    const auto fields = FieldsOf(message, MessageType::kAsReq);
    const auto field = fields ? Find(*fields, Context(3)) : std::nullopt;
    list = field ? Find(*field, der::kSequence) : std::nullopt;
  } else {
    list = MethodsOf(message);
  }
  while (const auto entry = list ? Take(&*list) : std::nullopt) {
    if (Integer(entry->content, Context(1)) != kFast) continue;
    const auto field = Find(entry->content, Context(2));
    const auto value = field ? Find(*field, der::kOctetString) : std::nullopt;
    if (value && !value->empty()) return true;
  }
  return false;
}

bool EndsAsExchange(std::string_view reply) {
  const auto error = ErrorCode(reply);
  if (!error) return false;
  switch (*error) {
    case kPreauthRequired:
    case kClockSkew:
    case kResponseTooBig:
    case kWrongRealm:
    case kPreauthExpired:
    case kMorePreauthRequired:
      return false;
    default:
      return true;
  }
}

std::optional<std::string_view> ClientRealm(std::string_view reply) {
  const bool refers = ErrorCode(reply) == kWrongRealm;
  const auto fields =
      FieldsOf(reply, refers ? MessageType::kKrbError : MessageType::kAsRep);
  const auto field =
      fields ? Find(*fields, Context(refers ? 7 : 3)) : std::nullopt;
  return field ? Find(*field, der::kGeneralString) : std::nullopt;
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
