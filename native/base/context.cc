#include "base/context.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <memory>

#include "base/file_status.h"

namespace kpass {
namespace {

constexpr std::chrono::seconds kLifetime{1};

// Changes whenever a file changes, or another file takes its place.
std::string Fingerprint(const Config& config) {
  std::string print;
  for (const std::string& file : config.files) {
    const std::optional<FileStatus> status = StatusOf(file.c_str());
    print += file + '\0';
    if (status) print += status->fingerprint + '\0';
  }
  return print;
}

// Records the first failure only.
bool IsReadable(const std::string& file, NativeReport* report) {
  if (faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) == 0) return true;
  if (*report->step == '\0') {
    const int code = errno;
    const std::string name =
        file.empty() ? "an empty path in KRB5_CONFIG" : file;
    *report = {"krb5.conf", code, name + ": " + strerror(code)};
  }
  return false;
}

// libkrb5 skips files that it cannot read, and works without any. But kpass
// needs both of its own files.
bool AreReadable(const Config& config, NativeReport* report) {
  if (!IsReadable(config.first, report) || !IsReadable(config.last, report)) {
    return false;
  }
  size_t unreadable = 0;
  for (const std::string& file : config.files) {
    if (!IsReadable(file, report)) ++unreadable;
  }
  return config.named ? unreadable == 0 : unreadable < config.files.size();
}

NativeReport LibraryError(const char* step, krb5_error_code code,
                          const Config& config) {
  NativeReport report;
  report.Check(nullptr, step, code);
  report.message += config.Names();
  return report;
}

// Whether libkrb5 will read what first.conf says. The file may have been
// replaced since IsReadable() saw it.
bool FirstConfigHolds(profile_t profile) {
  int timesync = 1;
  if (profile_get_integer(profile, "libdefaults", "kdc_timesync", nullptr, 1,
                          &timesync) != 0 ||
      timesync != 0) {
    return false;
  }
  const char* const disabled[] = {"plugins", "clpreauth", "disable", nullptr};
  char** modules = nullptr;
  if (profile_get_values(profile, disabled, &modules) != 0) return false;
  bool pkinit = false;
  for (char** module = modules; *module != nullptr; ++module) {
    if (strcmp(*module, "pkinit") == 0) pkinit = true;
  }
  profile_free_list(modules);
  return pkinit;
}

}  // namespace

std::string Config::Names() const {
  std::string names;
  for (const std::string& file : files) {
    names += (names.empty() ? " in " : ", ") + file;
  }
  return names;
}

krb5_context KeptContext::Get(const Config& config, NativeReport* report) {
  *report = {};
  const auto now = std::chrono::steady_clock::now();
  std::string fingerprint = Fingerprint(config);
  if (context_ != nullptr && fingerprint == fingerprint_ &&
      now - made_ < kLifetime) {
    return context_;
  }
  Drop();
  if (!AreReadable(config, report)) return nullptr;
  *report = {};  // it may name a default file that is not needed

  std::vector<const char*> files{config.first.c_str()};
  for (const std::string& file : config.files) files.push_back(file.c_str());
  files.push_back(config.last.c_str());
  files.push_back(nullptr);

  krb5_error_code code =
      static_cast<krb5_error_code>(profile_init(files.data(), &profile_));
  if (code != 0) {
    profile_ = nullptr;
    *report = LibraryError("profile_init", code, config);
    return nullptr;
  }
  if (!FirstConfigHolds(profile_)) {
    *report = {"krb5.conf", 0, config.first + " has no effect"};
    return nullptr;
  }
  code = krb5_init_context_profile(profile_, 0, &context_);
  if (code != 0) {
    context_ = nullptr;
    *report = LibraryError("krb5_init_context_profile", code, config);
    return nullptr;
  }
  fingerprint_ = std::move(fingerprint);
  made_ = now;
  return context_;
}

void KeptContext::Drop() {
  if (context_ != nullptr) krb5_free_context(context_);
  if (profile_ != nullptr) profile_abandon(profile_);
  context_ = nullptr;
  profile_ = nullptr;
}

std::vector<std::string> KeptContext::List(const char* section,
                                           const std::string& name,
                                           const char* tag) const {
  const char* const path[] = {section, name.c_str(), tag, nullptr};
  std::vector<std::string> list;
  char** values = nullptr;
  if (profile_get_values(profile_, path, &values) != 0) return list;
  // Frees the values also if there is no memory for the copies.
  const std::unique_ptr<char*, decltype(&profile_free_list)> owner(
      values, profile_free_list);
  for (char** value = values; *value != nullptr; ++value) {
    list.emplace_back(*value);
  }
  return list;
}

bool KeptContext::Flag(const char* name, bool fallback) const {
  int value = fallback ? 1 : 0;
  (void)profile_get_boolean(profile_, "libdefaults", name, nullptr, value,
                            &value);
  return value != 0;
}

int KeptContext::Number(const char* name, int fallback) const {
  int value = fallback;
  (void)profile_get_integer(profile_, "libdefaults", name, nullptr, fallback,
                            &value);
  return value;
}

std::chrono::seconds KeptContext::Duration(
    const char* name, std::chrono::seconds fallback) const {
  std::vector<std::string> values = List("libdefaults", name, nullptr);
  krb5_deltat seconds = 0;
  if (values.empty() ||
      krb5_string_to_deltat(values.front().data(), &seconds) != 0) {
    return fallback;
  }
  return std::chrono::seconds(seconds);
}

}  // namespace kpass
