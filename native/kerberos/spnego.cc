#include "kerberos/spnego.h"

#include <optional>

namespace kpass {
namespace {

// X.690, and the tags of RFC 2743, 3.1 and RFC 4178, 4.2.
constexpr unsigned char kOctets = 0x04;
constexpr unsigned char kOid = 0x06;
constexpr unsigned char kEnumerated = 0x0a;
constexpr unsigned char kSequence = 0x30;
constexpr unsigned char kInitialContextToken = 0x60;
constexpr unsigned char kApReqTag = 0x6e;  // RFC 4120, 5.5.1
constexpr unsigned char Context(int number) {
  return static_cast<unsigned char>(0xa0 | number);
}

constexpr std::string_view kSpnego = "\x2b\x06\x01\x05\x05\x02";
constexpr std::string_view kKerberos =
    "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";  // 1.2.840.113554.1.2.2
// An overflow in Windows 2000 made this OID. Windows still offers it first.
constexpr std::string_view kMicrosoftKerberos =
    "\x2a\x86\x48\x82\xf7\x12\x01\x02\x02";  // 1.2.840.48018.1.2.2

constexpr std::string_view kApReq("\x01\x00", 2);  // RFC 4121, 4.1
constexpr std::string_view kApRep("\x02\x00", 2);
constexpr std::string_view kNtlm("NTLMSSP\0", 8);
constexpr std::string_view kAcceptCompleted("\0", 1);

constexpr int kMostMechanisms = 32;

struct Element {
  unsigned char tag = 0;
  std::string_view content;
};

// Takes the first element off `bytes`. Nothing if it is incomplete, or if its
// length is not in DER's form.
std::optional<Element> Take(std::string_view* bytes) {
  const auto byte = [bytes](size_t i) {
    return static_cast<unsigned char>((*bytes)[i]);
  };
  if (bytes->size() < 2) return std::nullopt;
  size_t length = byte(1);
  size_t start = 2;
  if (length >= 0x80) {
    const size_t count = length - 0x80;  // 0: BER's indefinite length
    if (count == 0 || count > 3 || bytes->size() < start + count) {
      return std::nullopt;
    }
    length = 0;
    for (; start < 2 + count; ++start) length = length << 8 | byte(start);
    const size_t least = count == 1 ? 0x80 : size_t{1} << (8 * (count - 1));
    if (length < least) return std::nullopt;
  }
  if (bytes->size() - start < length) return std::nullopt;
  const Element element{byte(0), bytes->substr(start, length)};
  bytes->remove_prefix(start + length);
  return element;
}

// The content of the first element, which must have this tag.
std::optional<std::string_view> Take(std::string_view* bytes,
                                     unsigned char tag) {
  const auto element = Take(bytes);
  if (!element || element->tag != tag) return std::nullopt;
  return element->content;
}

// The content of the only element, which must have this tag.
std::optional<std::string_view> Only(std::string_view bytes,
                                     unsigned char tag) {
  const auto content = Take(&bytes, tag);
  return bytes.empty() ? content : std::nullopt;
}

bool IsKerberos(std::string_view oid) {
  return oid == kKerberos || oid == kMicrosoftKerberos;
}

// RFC 2743, 3.1: a mechanism's OID, and the mechanism's own bytes.
struct ContextToken {
  std::string_view mechanism;
  std::string_view inner;
};

std::optional<ContextToken> ReadContextToken(std::string_view token) {
  auto inner = Only(token, kInitialContextToken);
  if (!inner) return std::nullopt;
  const auto mechanism = Take(&*inner, kOid);
  if (!mechanism || mechanism->empty()) return std::nullopt;
  return ContextToken{*mechanism, *inner};
}

NegotiateToken Refused(NegotiateToken::Kind kind) {
  NegotiateToken token;
  token.kind = kind;
  return token;
}

NegotiateToken Malformed() { return Refused(NegotiateToken::Kind::kMalformed); }

NegotiateToken OtherMechanism() {
  return Refused(NegotiateToken::Kind::kOtherMechanism);
}

// RFC 4121, 4.1.
NegotiateToken ReadKerberos(const ContextToken& context) {
  if (!IsKerberos(context.mechanism)) return OtherMechanism();
  if (context.inner.substr(0, kApReq.size()) != kApReq) return Malformed();
  NegotiateToken token;
  token.ap_req = context.inner.substr(kApReq.size());
  // libkrb5 ignores bytes behind the AP-REQ.
  if (!Only(token.ap_req, kApReqTag)) return Malformed();
  token.kind = NegotiateToken::Kind::kKerberos;
  token.mechanism = context.mechanism;
  return token;
}

struct NegTokenInit {
  std::string_view first_mechanism;  // empty: none is offered
  std::optional<std::string_view> mech_token;
};

// RFC 4178, 4.2.1. Ignores the flags, which no client uses any more, and the
// MIC, which is not needed for the mechanism that the client offers first
// (section 5).
std::optional<NegTokenInit> ReadNegTokenInit(std::string_view bytes) {
  const auto choice = Only(bytes, Context(0));
  auto fields = choice ? Only(*choice, kSequence) : std::nullopt;
  if (!fields) return std::nullopt;

  const auto list = Take(&*fields, Context(0));
  auto mechanisms = list ? Only(*list, kSequence) : std::nullopt;
  if (!mechanisms) return std::nullopt;
  NegTokenInit init;
  for (int count = 0; !mechanisms->empty(); ++count) {
    const auto mechanism = Take(&*mechanisms, kOid);
    if (!mechanism || mechanism->empty() || count == kMostMechanisms) {
      return std::nullopt;
    }
    if (count == 0) init.first_mechanism = *mechanism;
  }

  for (unsigned char last = Context(0); !fields->empty();) {
    const auto field = Take(&*fields);
    if (!field || field->tag <= last || field->tag > Context(3)) {
      return std::nullopt;
    }
    last = field->tag;
    if (last != Context(2)) continue;
    init.mech_token = Only(field->content, kOctets);
    if (!init.mech_token) return std::nullopt;
  }
  return init;
}

std::string Header(unsigned char tag, size_t length) {
  std::string header(1, static_cast<char>(tag));
  if (length < 0x80) return header + static_cast<char>(length);
  std::string bytes;
  for (; length > 0; length >>= 8) {
    bytes.insert(bytes.begin(), static_cast<char>(length & 0xff));
  }
  return header + static_cast<char>(0x80 | bytes.size()) + bytes;
}

std::string Write(unsigned char tag, std::string_view content) {
  return Header(tag, content.size()).append(content);
}

}  // namespace

NegotiateToken ReadToken(std::string_view token) {
  if (token.size() > kMaxToken) return Malformed();
  if (token.substr(0, kNtlm.size()) == kNtlm) return OtherMechanism();
  const auto outer = ReadContextToken(token);
  if (!outer) return Malformed();
  if (outer->mechanism != kSpnego) return ReadKerberos(*outer);

  const auto init = ReadNegTokenInit(outer->inner);
  if (!init) return Malformed();
  // Kerberos without its token would take another message each way.
  if (!IsKerberos(init->first_mechanism) || !init->mech_token) {
    return OtherMechanism();
  }
  const auto inner = ReadContextToken(*init->mech_token);
  if (!inner) return Malformed();
  NegotiateToken read = ReadKerberos(*inner);
  read.offered = init->first_mechanism;
  return read;
}

std::string InitialToken(std::string_view ap_req) {
  const std::string mech_token =
      Write(kInitialContextToken,
            Write(kOid, kKerberos).append(kApReq).append(ap_req));
  const std::string mechanisms = Write(kSequence, Write(kOid, kKerberos));
  const std::string fields = Write(Context(0), mechanisms) +
                             Write(Context(2), Write(kOctets, mech_token));
  return Write(
      kInitialContextToken,
      Write(kOid, kSpnego).append(Write(Context(0), Write(kSequence, fields))));
}

std::string ReplyTo(const NegotiateToken& token, std::string_view ap_rep) {
  std::string proof;
  if (!ap_rep.empty()) {
    proof = Write(kInitialContextToken,
                  Write(kOid, token.mechanism).append(kApRep).append(ap_rep));
  }
  if (token.offered.empty()) return proof;
  // RFC 4178, 4.2.2. The mechanism is the OID that the client offered first:
  // Windows rejects the other OID of Kerberos.
  std::string fields = Write(Context(0), Write(kEnumerated, kAcceptCompleted)) +
                       Write(Context(1), Write(kOid, token.offered));
  if (!proof.empty()) fields += Write(Context(2), Write(kOctets, proof));
  return Write(Context(1), Write(kSequence, fields));
}

}  // namespace kpass
