// A krb5_context that is kept from one verification to the next.
//
// Making a context costs 4 to 7 % of a verification, but a kept context misses
// changes of krb5.conf. So each thread keeps one while its configuration files
// are unchanged, and for kLifetime at most. The limit is for included files: a
// change of one does not change the files that include it.

#ifndef KPASS_CONTEXT_H_
#define KPASS_CONTEXT_H_

#include <krb5/krb5.h>
#include <profile.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/report.h"

namespace kpass {

// The configuration files in libkrb5's order: kpass's first.conf, the caller's
// files, kpass's last.conf. libkrb5 takes the value of a relation from the
// first file that has it.
struct Config {
  std::string first;
  std::vector<std::string> files;
  std::string last;
  // True: the caller named the files, and each must be readable. False: they
  // are libkrb5's defaults, and one readable file is enough.
  bool named = false;

  std::string Names() const;  // ' in a, b', for a message
};

class KeptContext {
 public:
  KeptContext() = default;
  KeptContext(const KeptContext&) = delete;
  KeptContext& operator=(const KeptContext&) = delete;
  ~KeptContext() { Drop(); }

  // The context for `config`. If it is null, `report` says why. This object
  // owns the context. The context is valid on this thread until the next Get()
  // or Drop().
  krb5_context Get(const Config& config, NativeReport* report);
  void Drop();

  // The result of the last Get().
  krb5_context context() const { return context_; }

  // The values of [section] name tag in krb5.conf, as that context sees them.
  // If `tag` is null, the values of [section] name.
  std::vector<std::string> List(const char* section, const std::string& name,
                                const char* tag) const;
  // The value in [libdefaults], or else the fallback.
  bool Flag(const char* name, bool fallback) const;
  int Number(const char* name, int fallback) const;
  std::chrono::seconds Duration(const char* name,
                                std::chrono::seconds fallback) const;

 private:
  krb5_context context_ = nullptr;
  // kpass's own copy of the configuration: libkrb5 does not show its copy.
  profile_t profile_ = nullptr;
  std::string fingerprint_;
  std::chrono::steady_clock::time_point made_;
};

}  // namespace kpass

#endif  // KPASS_CONTEXT_H_
