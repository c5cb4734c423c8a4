// https://web.mit.edu/kerberos/krb5-latest/doc/admin/conf_files/krb5_conf.html:
// permitted_enctypes, default_tkt_enctypes. RFC 8429: RC4 and 3DES deprecated.

#include "kerberos/enctypes.h"

#include <strings.h>

#include <algorithm>
#include <array>

#include "base/krb5_ptr.h"

extern "C" {
// Exported by libkrb5, but declared in none of its headers.
krb5_error_code krb5_get_default_in_tkt_ktypes(krb5_context context,
                                               krb5_enctype** ktypes);
}

namespace kpass {
namespace {

using EnctypeList = Krb5Ptr<krb5_enctype*, krb5_free_enctypes>;

// krb5.conf's names for a weak type: the type's own name, and its family's.
struct WeakName {
  krb5_enctype enctype;
  const char* family;
};
constexpr std::array kWeak{WeakName{ENCTYPE_ARCFOUR_HMAC, "rc4"},
                           WeakName{ENCTYPE_ARCFOUR_HMAC_EXP, "rc4"},
                           WeakName{ENCTYPE_DES3_CBC_SHA1, "des3"}};

const WeakName* FindWeak(krb5_enctype enctype) {
  const auto* const found = std::find_if(
      kWeak.begin(), kWeak.end(),
      [enctype](const WeakName& weak) { return weak.enctype == enctype; });
  return found == kWeak.end() ? nullptr : found;
}

bool Names(const std::string& word, const WeakName& weak) {
  krb5_enctype enctype = ENCTYPE_NULL;
  std::string name = word;  // krb5_string_to_enctype() takes no const text
  if (krb5_string_to_enctype(name.data(), &enctype) == 0) {
    return enctype == weak.enctype;
  }
  return strcasecmp(word.c_str(), weak.family) == 0;
}

// Whether a relation of [libdefaults] names the type: libkrb5 separates names
// by blanks and commas. '-rc4' removes a type, and DEFAULT names none.
bool IsNamed(const KeptContext& kept, const char* relation,
             const WeakName& weak) {
  constexpr const char* kSeparators = " \t\r\n,";
  for (const std::string& value : kept.List("libdefaults", relation, nullptr)) {
    size_t end = 0;
    for (size_t start = value.find_first_not_of(kSeparators);
         start != std::string::npos;
         start = value.find_first_not_of(kSeparators, end)) {
      end = std::min(value.find_first_of(kSeparators, start), value.size());
      std::string word = value.substr(start, end - start);
      if (word.front() == '+') word.erase(0, 1);
      if (Names(word, weak)) return true;
    }
  }
  return false;
}

bool IsNamed(const KeptContext& kept, const WeakName& weak) {
  return IsNamed(kept, "permitted_enctypes", weak) ||
         IsNamed(kept, "default_tkt_enctypes", weak);
}

}  // namespace

UserEnctypes::UserEnctypes(const KeptContext& kept) {
  EnctypeList all(kept.context());
  code_ = krb5_get_default_in_tkt_ktypes(kept.context(), all.Out());
  if (code_ != 0) return;
  for (const krb5_enctype* each = all.get(); *each != ENCTYPE_NULL; ++each) {
    const WeakName* const weak = FindWeak(*each);
    if (weak == nullptr || IsNamed(kept, *weak)) list_.push_back(*each);
  }
}

bool UserEnctypes::weak() const {
  return std::any_of(list_.begin(), list_.end(), [](krb5_enctype each) {
    return FindWeak(each) != nullptr;
  });
}

bool UserEnctypes::narrowed() const {
  constexpr std::array kAes{
      ENCTYPE_AES256_CTS_HMAC_SHA1_96, ENCTYPE_AES128_CTS_HMAC_SHA1_96,
      ENCTYPE_AES256_CTS_HMAC_SHA384_192, ENCTYPE_AES128_CTS_HMAC_SHA256_128};
  return !std::all_of(kAes.begin(), kAes.end(), [this](krb5_enctype aes) {
    return std::find(list_.begin(), list_.end(), aes) != list_.end();
  });
}

std::string UserEnctypes::Text() const {
  std::string text;
  for (const krb5_enctype each : list_) {
    text += (text.empty() ? "" : ", ") + EnctypeName(each);
  }
  return text;
}

std::string EnctypeName(krb5_enctype enctype) {
  constexpr size_t kMaxName = 100;
  char name[kMaxName] = {};
  if (krb5_enctype_to_name(enctype, /*shortest=*/0, name, sizeof name) == 0) {
    return name;
  }
  return "encryption type " + std::to_string(enctype);
}

}  // namespace kpass
