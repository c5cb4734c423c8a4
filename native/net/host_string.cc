#include "net/host_string.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

namespace kpass {
namespace {

constexpr uint16_t kHttpsPort = 443;

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
}

// Reads a port as strtoul() does: blanks and a sign may come first, and '-'
// wraps around. A call of strtoul() would not run everywhere: the headers of a
// newer glibc replace it by a new symbol, which an older glibc does not have.
std::optional<uint16_t> PortOf(std::string_view text) {
  text.remove_prefix(
      std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size()));
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
  unsigned long number = 0;
  const auto [stop, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) {
    return std::nullopt;
  }
  if (negative) number = 0 - number;
  if (number > std::numeric_limits<uint16_t>::max()) return std::nullopt;
  return static_cast<uint16_t>(number);
}

// Reads 'host', 'host:port' or '[2001:db8::1]:port'. Text after a blank, or
// after a bracket, is ignored. Text after a port is a mistake.
HostString ReadHost(std::string_view value, uint16_t port) {
  HostString result;
  if (value.empty() || value.front() == ':' || IsDigits(value)) return result;
  size_t end = 0;
  if (const size_t bracket = value.find(']');
      value.front() == '[' && bracket != std::string_view::npos) {
    result.host = value.substr(1, bracket - 1);
    end = bracket + 1;
  } else {
    end = std::min(value.find_first_of(" \t:"), value.size());
    result.host = value.substr(0, end);
  }
  if (end < value.size() && value[end] == ':') {
    const auto named = PortOf(value.substr(end + 1));
    if (!named) return result;
    port = *named;
  }
  result.kind = HostString::Kind::kHost;
  result.port = port;
  return result;
}

}  // namespace

HostString ReadHostString(const std::string& value, uint16_t port) {
  constexpr std::string_view kHttps = "https://";
  HostString result;
  // Since krb5 1.22, such a value names a UNIX socket. Before, it named a host
  // that does not exist.
  if (!value.empty() && value.front() == '/') {
    result.kind = HostString::Kind::kOther;
    return result;
  }
  if (value.compare(0, kHttps.size(), kHttps) != 0) {
    return ReadHost(value, port);
  }
  const std::string_view rest = std::string_view(value).substr(kHttps.size());
  result = ReadHost(rest.substr(0, rest.find('/')), kHttpsPort);
  if (result.kind == HostString::Kind::kHost) {
    result.kind = HostString::Kind::kOther;
  }
  return result;
}

}  // namespace kpass
