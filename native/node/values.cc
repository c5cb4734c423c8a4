#include "node/values.h"

#include <string.h>

#include <cstdint>

namespace kpass {

std::string TextOf(Napi::Value value) {
  return value.As<Napi::String>().Utf8Value();
}

std::optional<std::string> OptionalText(Napi::Value value) {
  if (!value.IsString()) return std::nullopt;
  return TextOf(value);
}

std::vector<std::string> TextsOf(Napi::Value value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    texts.push_back(TextOf(array.Get(i)));
  }
  return texts;
}

std::string BytesOf(Napi::Value value) {
  const auto bytes = value.As<Napi::Uint8Array>();
  // An empty array's data may be null.
  if (bytes.ByteLength() == 0) return {};
  return {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
}

Secret SecretOf(Napi::Env env, Napi::Value value) {
  if (value.IsString()) {
    size_t size = 0;
    napi_get_value_string_utf8(env, value, nullptr, 0, &size);
    Secret secret(size);
    napi_get_value_string_utf8(env, value, secret.data(), size + 1, &size);
    return secret;
  }
  const auto bytes = value.As<Napi::Uint8Array>();
  const size_t size = bytes.ByteLength();
  Secret secret(size);
  // An empty array's data may be null, and memcpy must not get null.
  if (size == 0) return secret;
  memcpy(secret.data(), bytes.Data(), size);
  // memcpy leaves password bytes in vector registers. A thread that is started
  // next inherits them and puts them on its stack. Copying as many zeros in the
  // same way overwrites them.
  const Secret zeros(size);
  Secret sink(size);
  memcpy(sink.data(), zeros.c_str(), size);
  asm volatile("" ::"r"(sink.data()) : "memory");
  return secret;
}

Napi::Array ListOf(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array list = Napi::Array::New(env, texts.size());
  uint32_t i = 0;
  for (const std::string& text : texts) {
    list.Set(i++, Napi::String::New(env, text));
  }
  return list;
}

Napi::Value TraceOf(Napi::Env env, const Trace& trace) {
  if (trace.empty()) return env.Null();
  return ListOf(env, trace);
}

const Settings& SettingsOf(Napi::Value value) {
  return *value.As<Napi::External<Settings>>().Data();
}

}  // namespace kpass
