// libkrb5's bytes, without a copy.

#ifndef KPASS_VIEW_H_
#define KPASS_VIEW_H_

#include <krb5/krb5.h>

#include <string_view>

namespace kpass {

// The view is valid as long as the data is.
inline std::string_view View(const krb5_data& data) {
  return {data.data, data.length};
}

}  // namespace kpass

#endif  // KPASS_VIEW_H_
