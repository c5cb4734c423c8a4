// The mode of a file, and whether it has changed; with glibc, musl and macOS.

#ifndef KPASS_FILE_STATUS_H_
#define KPASS_FILE_STATUS_H_

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace kpass {

struct FileStatus {
  unsigned mode;
  // Changes whenever the file changes, or another file takes its place.
  std::string fingerprint;
};

// Returns nothing if there is no such file.
inline std::optional<FileStatus> StatusOf(const char* path) {
#ifdef __GLIBC__
  // Not stat(), which needs glibc 2.33. musl has no statx() before 1.2.5.
  struct statx now = {};
  if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &now) != 0) return {};
  const unsigned mode = now.stx_mode;
  const uint64_t inode = now.stx_ino;
  const uint64_t size = now.stx_size;
  const auto times = {now.stx_mtime, now.stx_ctime};
#else
  struct stat now = {};
  if (stat(path, &now) != 0) return {};
  const unsigned mode = now.st_mode;
  const uint64_t inode = now.st_ino;
  const int64_t size = now.st_size;
#ifdef __APPLE__
  const auto times = {now.st_mtimespec, now.st_ctimespec};
#else
  const auto times = {now.st_mtim, now.st_ctim};
#endif
#endif
  // Their bytes, because a login reads several files' statuses.
  std::string fingerprint;
  const auto append = [&fingerprint](const auto& number) {
    fingerprint.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  append(inode);
  append(size);
  for (const auto& at : times) {
    append(at.tv_sec);
    append(at.tv_nsec);
  }
  return FileStatus{mode, std::move(fingerprint)};
}

}  // namespace kpass

#endif  // KPASS_FILE_STATUS_H_
