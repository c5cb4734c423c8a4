#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <profile.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kpass {
namespace {

constexpr std::chrono::seconds kLifetime{1};

// Changes whenever one of the files does, or another file takes its place.
std::string Fingerprint(const Config& config) {
  std::string print;
  for (const std::string& file : config.files) {
    struct statx now = {};
    const bool there =
        statx(AT_FDCWD, file.c_str(), 0, STATX_BASIC_STATS, &now) == 0;
    print += file;
    print += '\0';
    if (!there) continue;
    print += std::to_string(now.stx_ino) + ' ' + std::to_string(now.stx_size);
    for (const statx_timestamp& at : {now.stx_mtime, now.stx_ctime}) {
      print +=
          ' ' + std::to_string(at.tv_sec) + '.' + std::to_string(at.tv_nsec);
    }
    print += '\0';
  }
  return print;
}

// Notes the first failure, and gives back whether there was one.
bool Unreadable(const std::string& file, ContextError* error) {
  if (access(file.c_str(), R_OK) == 0) return false;
  if (error->step == nullptr) {
    *error = {"krb5.conf", errno, file + ": " + strerror(errno)};
  }
  return true;
}

// libkrb5 passes over files that it cannot read, and is content with none. Of
// kpass's own it may miss neither.
bool Readable(const Config& config, ContextError* error) {
  if (Unreadable(config.first, error) || Unreadable(config.last, error)) {
    return false;
  }
  size_t unreadable = 0;
  for (const std::string& file : config.files) {
    if (Unreadable(file, error)) ++unreadable;
  }
  return config.named ? unreadable == 0 : unreadable < config.files.size();
}

ContextError LibraryError(const char* step, krb5_error_code code) {
  const char* text = krb5_get_error_message(nullptr, code);
  ContextError error{step, code, text};
  krb5_free_error_message(nullptr, text);
  return error;
}

}  // namespace

krb5_context KeptContext::Get(const Config& config, ContextError* error) {
  const auto now = std::chrono::steady_clock::now();
  std::string fingerprint = Fingerprint(config);
  if (context_ != nullptr && fingerprint == fingerprint_ &&
      now - made_ < kLifetime) {
    return context_;
  }
  Drop();
  if (!Readable(config, error)) return nullptr;

  std::vector<const char*> files{config.first.c_str()};
  for (const std::string& file : config.files) files.push_back(file.c_str());
  files.push_back(config.last.c_str());
  files.push_back(nullptr);

  profile_t profile = nullptr;
  krb5_error_code code =
      static_cast<krb5_error_code>(profile_init(files.data(), &profile));
  if (code != 0) {
    *error = LibraryError("profile_init", code);
    return nullptr;
  }
  code = krb5_init_context_profile(profile, 0, &context_);
  profile_abandon(profile);
  if (code != 0) {
    context_ = nullptr;
    *error = LibraryError("krb5_init_context_profile", code);
    return nullptr;
  }
  fingerprint_ = std::move(fingerprint);
  made_ = now;
  return context_;
}

void KeptContext::Drop() {
  if (context_ != nullptr) krb5_free_context(context_);
  context_ = nullptr;
}

}  // namespace kpass
