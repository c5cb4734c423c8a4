#include "genuine_tokens.h"

#include <krb5/krb5.h>
#include <stdlib.h>

#include "der.h"
#include "stage.h"

namespace kpass::fuzz {
namespace {

constexpr char kNowText[] = "20300101000000Z";
constexpr char kLaterText[] = "20300101100000Z";

const std::string& SessionKey() {
  static auto* const key = new std::string(16, 's');
  return *key;
}

Element Text(const std::string& text) { return Primitive(0x1b, text); }

Element Typed(int32_t type, std::string bytes) {
  return Tree(0x30,
              {Field(0, Integer(type)), Field(1, Octets(std::move(bytes)))});
}

std::string Encrypt(const std::string& key, krb5_keyusage usage,
                    const std::string& plain) {
  krb5_keyblock block = {};
  block.enctype = kEnctype;
  block.length = static_cast<unsigned>(key.size());
  block.contents = reinterpret_cast<krb5_octet*>(const_cast<char*>(key.data()));
  size_t size = 0;
  if (krb5_c_encrypt_length(Context(), kEnctype, plain.size(), &size) != 0) {
    abort();
  }
  std::string cipher(size, '\0');
  const krb5_data in = DataOf(plain);
  krb5_enc_data out = {};
  out.ciphertext = DataOf(cipher);
  if (krb5_c_encrypt(Context(), &block, usage, nullptr, &in, &out) != 0) {
    abort();
  }
  return cipher;
}

Element Encrypted(std::string cipher) {
  return Tree(0x30, {Field(0, Integer(kEnctype)), Field(1, Integer(1)),
                     Field(2, Octets(std::move(cipher)))});
}

struct Person {
  std::vector<std::string> name;
  std::string realm = "EXAMPLE.COM";
  uint32_t flags = 0x40a00000;  // forwardable, initial, pre-authent
};

std::string Checksum(Binding binding, bool mutual) {
  std::string bytes("\x10\0\0\0", 4);
  bytes += binding == Binding::kNone   ? std::string(16, '\0')
           : binding == Binding::kOurs ? ChannelHash()
                                       : std::string(16, 'x');
  return bytes + (mutual ? '\x32' : '\x30') + std::string("\x01\0\0", 3);
}

Contents ContentsFor(const Person& person, Binding binding, bool mutual,
                     int32_t microseconds) {
  std::string flags(1, '\0');
  for (const int shift : {24, 16, 8, 0}) {
    flags += static_cast<char>(person.flags >> shift & 0xff);
  }
  Contents contents;
  contents.ticket_part = Encode(
      Tree(0x63,
           {Tree(0x30,
                 {Field(0, Primitive(0x03, flags)),
                  Field(1, Typed(kEnctype, SessionKey())),
                  Field(2, Text(person.realm)), Field(3, Name(1, person.name)),
                  Field(4, Typed(1, "")), Field(5, Primitive(0x18, kNowText)),
                  Field(6, Primitive(0x18, kNowText)),
                  Field(7, Primitive(0x18, kLaterText)),
                  Field(10, Tree(0x30, {Typed(1, std::string("0\0", 2))}))})}));
  contents.authenticator = Encode(Tree(
      0x62, {Tree(0x30, {Field(0, Integer(5)), Field(1, Text(person.realm)),
                         Field(2, Name(1, person.name)),
                         Field(3, Typed(0x8003, Checksum(binding, mutual))),
                         Field(4, Integer(microseconds)),
                         Field(5, Primitive(0x18, kNowText)),
                         Field(6, Typed(kEnctype, std::string(16, 'u'))),
                         Field(7, Integer(4711))})}));
  return contents;
}

constexpr char kKerberosOid[] = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
constexpr char kMicrosoftOid[] = "\x2a\x86\x48\x82\xf7\x12\x01\x02\x02";
constexpr char kSpnegoOid[] = "\x2b\x06\x01\x05\x05\x02";
constexpr char kNtlmOid[] = "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";

Element Oid(const char* bytes) { return Primitive(0x06, bytes); }

// Around the AP-REQ, which is no element of the token of RFC 4121: an OID and
// two bytes come before it.
std::string KerberosToken(const std::string& ap_req) {
  Element token = Primitive(
      0x60, Encode(Oid(kKerberosOid)) + std::string("\x01\0", 2) + ap_req);
  return Encode(token);
}

std::string NegotiateTokenOf(const std::string& kerberos, const char* first) {
  const Element offers = Tree(
      0x30, {Oid(first), Oid(kKerberosOid), Oid(kMicrosoftOid), Oid(kNtlmOid)});
  return Encode(Tree(
      0x60,
      {Oid(kSpnegoOid),
       Field(0, Tree(0x30, {Field(0, offers), Field(2, Octets(kerberos))}))}));
}

std::string ApReq(const std::string& ticket, const std::string& authenticator,
                  bool mutual) {
  std::string options(5, '\0');
  if (mutual) options[1] = '\x20';
  Element encrypted = Tree(
      0x61, {Tree(0x30, {Field(0, Integer(5)), Field(1, Text("EXAMPLE.COM")),
                         Field(2, Name(1, {"HTTP", "localhost"})),
                         Field(3, Encrypted(ticket))})});
  return Encode(
      Tree(0x6e, {Tree(0x30, {Field(0, Integer(5)), Field(1, Integer(14)),
                              Field(2, Primitive(0x03, options)),
                              Field(3, std::move(encrypted)),
                              Field(4, Encrypted(authenticator))})}));
}

}  // namespace

krb5_context Context() {
  static krb5_context context = [] {
    krb5_context made = nullptr;
    if (krb5_init_context(&made) != 0) abort();
    return made;
  }();
  return context;
}

const std::string& ServiceKey() {
  static auto* const key = new std::string(16, 'k');
  return *key;
}

const std::string& Channel() {
  static auto* const channel = new std::string("tls-server-end-point:abc");
  return *channel;
}

const std::string& ChannelHash() {
  static const auto* const hash = [] {
    std::string structure(16, '\0');
    structure += static_cast<char>(Channel().size());
    structure += std::string(3, '\0') + Channel();
    const krb5_data data = DataOf(structure);
    krb5_checksum made = {};
    if (krb5_c_make_checksum(Context(), CKSUMTYPE_RSA_MD5, nullptr, 0, &data,
                             &made) != 0) {
      abort();
    }
    auto* text = new std::string(reinterpret_cast<char*>(made.contents), 16);
    krb5_free_checksum_contents(Context(), &made);
    return text;
  }();
  return *hash;
}

std::string TokenOf(const Contents& contents) {
  const std::string ap_req =
      ApReq(Encrypt(ServiceKey(), 2, contents.ticket_part),
            Encrypt(SessionKey(), 11, contents.authenticator), true);
  return NegotiateTokenOf(KerberosToken(ap_req), kKerberosOid);
}

const std::vector<Genuine>& AllGenuine() {
  static const auto* const all = [] {
    auto* made = new std::vector<Genuine>;
    int32_t microseconds = 0;
    const auto add = [&](const Person& person, const std::string& principal,
                         Binding binding, const char* first) {
      const bool mutual = made->size() % 2 == 0;
      Genuine each;
      each.client = person.realm + Encode(Name(1, person.name));
      each.principal = principal;
      each.binding = binding;
      each.contents = ContentsFor(person, binding, mutual, ++microseconds);
      each.ticket = Encrypt(ServiceKey(), 2, each.contents.ticket_part);
      each.authenticator =
          Encrypt(SessionKey(), 11, each.contents.authenticator);
      each.token =
          KerberosToken(ApReq(each.ticket, each.authenticator, mutual));
      if (first != nullptr) each.token = NegotiateTokenOf(each.token, first);
      made->push_back(std::move(each));
    };
    constexpr char kAlice[] = "alice@EXAMPLE.COM";
    for (const Binding binding :
         {Binding::kNone, Binding::kOurs, Binding::kAnothers}) {
      for (const char* first : {static_cast<const char*>(kKerberosOid),
                                static_cast<const char*>(kMicrosoftOid),
                                static_cast<const char*>(nullptr)}) {
        add({{"alice"}}, kAlice, binding, first);
        add({{"bob", "admin"}}, "bob/admin@EXAMPLE.COM", binding, first);
      }
    }
    add({{"alice"}, "OTHER.EXAMPLE"}, "", Binding::kNone, kKerberosOid);
    add({{"WELLKNOWN", "ANONYMOUS"}}, "", Binding::kNone, kKerberosOid);
    add({{"alice"}, "EXAMPLE.COM", 0x40a10000 | 0x8000}, "", Binding::kNone,
        kKerberosOid);
    add({{"al\x01ice"}}, "", Binding::kNone, kKerberosOid);
    // Only what is not authenticated is wrong with it: what is offered first.
    add({{"alice"}}, kAlice, Binding::kNone, kNtlmOid);
    made->back().refused = true;
    return made;
  }();
  return *all;
}

}  // namespace kpass::fuzz
