// Owners of libkrb5's objects. Each object is freed once, by the function for
// its kind, with the context that made it. The context must outlive the owner.

#ifndef KPASS_KRB5_PTR_H_
#define KPASS_KRB5_PTR_H_

#include <krb5/krb5.h>

namespace kpass {

template <typename T, auto kFree>
class Krb5Ptr {
 public:
  explicit Krb5Ptr(krb5_context context) noexcept : context_(context) {}
  Krb5Ptr(const Krb5Ptr&) = delete;
  Krb5Ptr& operator=(const Krb5Ptr&) = delete;
  ~Krb5Ptr() { Reset(); }

  // For an output parameter: frees the old object, and owns the new one.
  T* Out() noexcept {
    Reset();
    return &value_;
  }
  T get() const noexcept { return value_; }
  T operator->() const noexcept { return value_; }

 private:
  void Reset() noexcept {
    if (value_ != nullptr) kFree(context_, value_);
    value_ = nullptr;
  }

  krb5_context context_;
  T value_ = nullptr;
};

using Principal = Krb5Ptr<krb5_principal, krb5_free_principal>;
using Keytab = Krb5Ptr<krb5_keytab, krb5_kt_close>;
using InitCredsOpt =
    Krb5Ptr<krb5_get_init_creds_opt*, krb5_get_init_creds_opt_free>;
using AuthContext = Krb5Ptr<krb5_auth_context, krb5_auth_con_free>;
using KrbError = Krb5Ptr<krb5_error*, krb5_free_error>;
using UnparsedName = Krb5Ptr<char*, krb5_free_unparsed_name>;
using DefaultRealm = Krb5Ptr<char*, krb5_free_default_realm>;
using HostRealms = Krb5Ptr<char**, krb5_free_host_realm>;
using ErrorMessage = Krb5Ptr<const char*, krb5_free_error_message>;
using Text = Krb5Ptr<char*, krb5_free_string>;

// Owners of structures that libkrb5 fills in place. It frees their contents.
template <typename T, auto kFreeContents>
class Krb5Value {
 public:
  explicit Krb5Value(krb5_context context) noexcept : context_(context) {}
  Krb5Value(const Krb5Value&) = delete;
  Krb5Value& operator=(const Krb5Value&) = delete;
  ~Krb5Value() { kFreeContents(context_, &value_); }

  T* Out() noexcept {
    kFreeContents(context_, &value_);
    value_ = {};
    return &value_;
  }
  // After a call that failed: frees nothing. When memory runs out, libkrb5
  // frees the contents and leaves the pointers to them.
  void Forget() noexcept { value_ = {}; }

  T* get() noexcept { return &value_; }
  const T* operator->() const noexcept { return &value_; }

 private:
  krb5_context context_;
  T value_{};
};

using Creds = Krb5Value<krb5_creds, krb5_free_cred_contents>;
using Data = Krb5Value<krb5_data, krb5_free_data_contents>;
using KeytabEntry =
    Krb5Value<krb5_keytab_entry, krb5_free_keytab_entry_contents>;

}  // namespace kpass

#endif  // KPASS_KRB5_PTR_H_
