// Fuzzes the reader of KDCs in krb5.conf (net/host_string.h): it must read each
// value as libkrb5's own function does.

#include <krb5/krb5.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <string>

#include "net/host_string.h"
#include "stage.h"

// From k5-int.h. libkrb5 exports it, but none of its public headers declares
// it.
extern "C" krb5_error_code k5_parse_host_string(const char* address,
                                                int default_port, char** host,
                                                int* port);

namespace kpass::fuzz {
namespace {

using Kind = HostString::Kind;

// Reads as locate_srv_conf_1() does, in locate_kdc.c of krb5 1.22.
HostString ReadByLibkrb5(std::string value) {
  HostString result;
  if (value.rfind('/', 0) == 0) {
    result.kind = Kind::kOther;
    return result;
  }
  const bool https = value.rfind("https://", 0) == 0;
  if (https) {
    value.erase(0, 8);
    value.resize(std::min(value.find('/'), value.size()));
  }
  char* host = nullptr;
  int port = 0;
  if (k5_parse_host_string(value.c_str(), https ? 443 : 88, &host, &port) !=
          0 ||
      host == nullptr) {
    return result;
  }
  result = {https ? Kind::kOther : Kind::kHost, host,
            static_cast<uint16_t>(port)};
  free(host);
  return result;
}

}  // namespace
}  // namespace kpass::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kpass::fuzz;
  // A value of krb5.conf is a C string.
  const std::string value(
      std::string(reinterpret_cast<const char*>(data), size).c_str());
  const kpass::HostString own = kpass::ReadHostString(value);
  const kpass::HostString other = ReadByLibkrb5(value);
  if (own.kind != other.kind) Violated("another kind than libkrb5's");
  if (own.kind == Kind::kMistake) return 0;
  if (own.host != other.host) Violated("another host than libkrb5's");
  if (own.port != other.port) Violated("another port than libkrb5's");
  return 0;
}
