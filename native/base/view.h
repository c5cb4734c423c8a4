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

// Valid while the text is. libkrb5 takes no const data, but does not write to
// it.
inline krb5_data DataOf(std::string_view text) {
  krb5_data data = {};
  data.data = const_cast<char*>(text.data());
  data.length = static_cast<unsigned>(text.size());
  return data;
}

}  // namespace kpass

#endif  // KPASS_VIEW_H_
