// A krb5_context kept from one verification to the next.
//
// Making one costs 4 to 7 % of a verification, but a kept one does not see
// every change of krb5.conf. So each thread keeps one for as long as its
// configuration files are unchanged, and at most for a second, because an
// included file can change without them.

#ifndef KPASS_CONTEXT_H_
#define KPASS_CONTEXT_H_

#include <krb5/krb5.h>
#include <profile.h>

#include <chrono>
#include <string>
#include <vector>

namespace kpass {

// Where the configuration comes from: kpass's first.conf, the caller's files,
// kpass's last.conf. libkrb5 takes a relation's value from the first that has
// it.
struct Config {
  std::string first;
  std::vector<std::string> files;
  std::string last;
  // The caller named the files: each must be readable. Otherwise they are
  // libkrb5's defaults, of which one will do.
  bool named = false;

  std::string Names() const;  // ' in a, b': the files, for a message
};

// Why there is no context: the call or stage that failed, its code, its words.
struct ContextError {
  const char* step = nullptr;
  krb5_error_code code = 0;
  std::string message;
};

class KeptContext {
 public:
  KeptContext() = default;
  KeptContext(const KeptContext&) = delete;
  KeptContext& operator=(const KeptContext&) = delete;
  ~KeptContext() { Drop(); }

  // The context for `config`, or null with `error` filled. It stays the kept
  // one's property, for use by this thread until the next call.
  krb5_context Get(const Config& config, ContextError* error);
  void Drop();

  // What krb5.conf says in that context: the values of [section] name tag.
  std::vector<std::string> List(const char* section, const std::string& name,
                                const char* tag) const;
  // The same, with a comma between.
  std::string Values(const char* section, const std::string& name,
                     const char* tag) const;
  // What [libdefaults] says, or else the fallback.
  bool Flag(const char* name, bool fallback) const;
  int Number(const char* name, int fallback) const;
  std::chrono::seconds Duration(const char* name,
                                std::chrono::seconds fallback) const;

 private:
  krb5_context context_ = nullptr;
  profile_t profile_ =
      nullptr;  // libkrb5 has its own copy, and shows it to none
  std::string fingerprint_;
  std::chrono::steady_clock::time_point made_;
};

}  // namespace kpass

#endif  // KPASS_CONTEXT_H_
