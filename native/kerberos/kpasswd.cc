#include "kerberos/kpasswd.h"

#include <netinet/in.h>
#include <string.h>

#include "base/utf8.h"
#include "base/view.h"
#include "net/message.h"

namespace kpass {
namespace {

using ApRepPart = Krb5Ptr<krb5_ap_rep_enc_part*, krb5_free_ap_rep_enc_part>;
using Keyblock = Krb5Ptr<krb5_keyblock*, krb5_free_keyblock>;

// The length of the whole, the version, the length of the AP-REQ or AP-REP.
constexpr size_t kHeader = 6;
constexpr unsigned kVersion = 1;
constexpr size_t kMostBytes = 0xffff;

void Append16(size_t number, std::string* bytes) {
  *bytes += static_cast<char>(number >> 8 & 0xff);
  *bytes += static_cast<char>(number & 0xff);
}

uint16_t Read16(std::string_view bytes, size_t at) {
  const auto byte = [bytes](size_t i) {
    return static_cast<unsigned char>(bytes[i]);
  };
  return static_cast<uint16_t>(byte(at) << 8 | byte(at + 1));
}

// The address as libkrb5 has it. It points into `from`.
krb5_address AddressOf(const sockaddr_storage& from) {
  krb5_address address = {};
  const void* bytes = nullptr;
  if (from.ss_family == AF_INET6) {
    address.addrtype = ADDRTYPE_INET6;
    address.length = sizeof(in6_addr);
    bytes = &reinterpret_cast<const sockaddr_in6*>(&from)->sin6_addr;
  } else {
    address.addrtype = ADDRTYPE_INET;
    address.length = sizeof(in_addr);
    bytes = &reinterpret_cast<const sockaddr_in*>(&from)->sin_addr;
  }
  address.contents =
      static_cast<krb5_octet*>(const_cast<void*>(bytes));  // only read
  return address;
}

}  // namespace

krb5_error_code Kpasswd::MakeRequest(krb5_creds* creds, const Secret& password,
                                     const sockaddr_storage& sender,
                                     std::string* request) {
  krb5_error_code code = krb5_auth_con_init(context_, auth_context_.Out());
  if (code != 0) return code;
  krb5_auth_context auth = auth_context_.get();
  code = krb5_auth_con_setflags(context_, auth, KRB5_AUTH_CONTEXT_DO_SEQUENCE);
  if (code != 0) return code;
  Data ap_req(context_);
  code = krb5_mk_req_extended(context_, &auth, AP_OPTS_USE_SUBKEY,
                              /*in_data=*/nullptr, creds, ap_req.Out());
  if (code != 0) return code;
  krb5_address address = AddressOf(sender);
  code = krb5_auth_con_setaddrs(context_, auth, &address, nullptr);
  if (code != 0) return code;
  krb5_data clear = {};
  clear.data = const_cast<char*>(password.c_str());  // only read
  clear.length = static_cast<unsigned>(password.size());
  Data krb_priv(context_);
  code = krb5_mk_priv(context_, auth, &clear, krb_priv.Out(), nullptr);
  if (code != 0) return code;
  // The reply names the address that the server sees: behind NAT, another one.
  code = krb5_auth_con_setaddrs(context_, auth, nullptr, nullptr);
  if (code != 0) return code;

  const size_t whole = kHeader + ap_req->length + krb_priv->length;
  if (whole > kMostBytes) return KRB5_BAD_MSIZE;
  request->clear();
  Append16(whole, request);
  Append16(kVersion, request);
  Append16(ap_req->length, request);
  *request += View(*ap_req.get());
  *request += View(*krb_priv.get());
  return 0;
}

bool Kpasswd::ReadReply(std::string_view reply, NativeReport* report) {
  if (Is(MessageType::kKrbError, reply)) {
    RefuseError(reply, report);
    return false;
  }
  if (reply.size() < kHeader || Read16(reply, 0) != reply.size()) {
    return report->Refuse("kpasswd", "the reply is not of this protocol");
  }
  const size_t ap_rep_size = Read16(reply, 4);
  const std::string_view rest = reply.substr(kHeader);
  // Without an AP-REP, the rest is a KRB-ERROR.
  if (ap_rep_size == 0) {
    RefuseError(rest, report);
    return false;
  }
  if (ap_rep_size >= rest.size()) {
    return report->Refuse("kpasswd", "the reply is not of this protocol");
  }
  return ReadApRep(rest.substr(0, ap_rep_size), report) &&
         ReadResult(rest.substr(ap_rep_size), report);
}

bool Kpasswd::ReadApRep(std::string_view ap_rep, NativeReport* report) {
  krb5_auth_context auth = auth_context_.get();
  // RFC 3244, 2: the reply is under the request's subkey. krb5_rd_rep puts
  // another one in its place if the AP-REP has one.
  Keyblock subkey(context_);
  if (!report->Check(
          context_, "kpasswd",
          krb5_auth_con_getsendsubkey(context_, auth, subkey.Out()))) {
    return false;
  }
  const krb5_data message = DataOf(ap_rep);
  ApRepPart part(context_);
  return report->Check(context_, "kpasswd",
                       krb5_rd_rep(context_, auth, &message, part.Out())) &&
         report->Check(
             context_, "kpasswd",
             krb5_auth_con_setrecvsubkey(context_, auth, subkey.get()));
}

bool Kpasswd::ReadResult(std::string_view krb_priv, NativeReport* report) {
  const krb5_data message = DataOf(krb_priv);
  Data result(context_);
  if (!report->Check(context_, "kpasswd",
                     krb5_rd_priv(context_, auth_context_.get(), &message,
                                  result.Out(), nullptr))) {
    return false;
  }
  const std::string_view bytes = View(*result.get());
  if (bytes.size() < 2) {
    return report->Refuse("kpasswd", "the reply has no result");
  }
  code_ = Read16(bytes, 0);
  return ReadWords(bytes.substr(2), report);
}

bool Kpasswd::ReadWords(std::string_view text, NativeReport* report) {
  if (!text.empty() && text.find('\0') == std::string_view::npos &&
      IsUtf8(text)) {
    words_ = text;
    return true;
  }
  // Active Directory's policy, 30 bytes of numbers; or no text. (Of other text,
  // krb5_chpw_message drops all letters that are not ASCII.)
  const krb5_data data = DataOf(text);
  Text words(context_);
  if (!report->Check(context_, "kpasswd",
                     krb5_chpw_message(context_, &data, words.Out()))) {
    return false;
  }
  words_ = words.get();
  return true;
}

// Anybody can make such a message.
void Kpasswd::RefuseError(std::string_view message, NativeReport* report) {
  const krb5_data data = DataOf(message);
  KrbError error(context_);
  if (krb5_rd_error(context_, &data, error.Out()) != 0) {
    report->Refuse("kpasswd", "the reply is not of this protocol");
    return;
  }
  const bool known = error->error > 0 && error->error <= kLastProtocolError;
  const auto code = static_cast<krb5_error_code>(
      known ? ERROR_TABLE_BASE_krb5 + error->error : KRB5KRB_ERR_GENERIC);
  report->Check(context_, "kpasswd", code);
}

}  // namespace kpass
