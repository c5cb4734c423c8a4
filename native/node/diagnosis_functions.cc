#include "node/diagnosis_functions.h"

#include <optional>
#include <string>

#include "kerberos/diagnosis.h"
#include "kerberos/initiator.h"
#include "node/values.h"

namespace kpass {
namespace {

Napi::Object RecordOf(Napi::Env env, const NativeReport& report) {
  Napi::Object record = Napi::Object::New(env);
  record.Set("step", report.step);
  record.Set("code", report.code);
  record.Set("message", report.message);
  return record;
}

// configValues(settings, section, name, tag): { step, code, message, values }.
Napi::Value ConfigValues(const Napi::CallbackInfo& info) {
  const std::optional<std::string> tag = OptionalText(info[3]);
  const ConfigReport report =
      ReadConfig(SettingsOf(info[0]), TextOf(info[1]).c_str(),
                 TextOf(info[2]).c_str(), tag ? tag->c_str() : nullptr);
  Napi::Object record = RecordOf(info.Env(), report);
  record.Set("values", ListOf(info.Env(), report.values));
  return record;
}

// nameService(settings): { step, code, message, service, realm }.
Napi::Value NameServiceOf(const Napi::CallbackInfo& info) {
  const ServiceReport report = NameService(SettingsOf(info[0]));
  Napi::Object record = RecordOf(info.Env(), report);
  record.Set("service", report.service);
  record.Set("realm", report.realm);
  return record;
}

// locateKdcs(settings, realm): { step, code, message, source, tag, kdcs, dns,
// libkrb5Only, mistake }. Each of `kdcs` is { name, host, port, udp, tcp }.
Napi::Value LocateKdcsOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const KdcsReport report = LocateKdcs(SettingsOf(info[0]), TextOf(info[1]));
  Napi::Array kdcs = Napi::Array::New(env);
  for (const NamedKdc& kdc : report.named.kdcs) {
    Napi::Object record = Napi::Object::New(env);
    record.Set("name", kdc.name);
    record.Set("host", kdc.host);
    record.Set("port", kdc.port);
    record.Set("udp", kdc.udp);
    record.Set("tcp", kdc.tcp);
    kdcs.Set(kdcs.Length(), record);
  }
  Napi::Object record = RecordOf(env, report);
  record.Set("source", report.named.source);
  record.Set("tag", report.tag);
  record.Set("kdcs", kdcs);
  record.Set("dns", report.dns);
  record.Set("mistake", report.mistake);
  record.Set("libkrb5Only", report.named.only_libkrb5);
  return record;
}

// keytabKeys(settings): { step, code, message, keytab, keys }. Each of `keys`
// is { principal, version, enctype }.
Napi::Value KeytabKeys(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const KeytabReport report = ReadKeytab(SettingsOf(info[0]));
  Napi::Array keys = Napi::Array::New(env);
  for (const KeytabKey& key : report.keys) {
    Napi::Object record = Napi::Object::New(env);
    record.Set("principal", key.principal);
    record.Set("version", key.version);
    record.Set("enctype", key.enctype);
    keys.Set(keys.Length(), record);
  }
  Napi::Object record = RecordOf(env, report);
  record.Set("keytab", report.keytab);
  record.Set("keys", keys);
  return record;
}

// keytabLogin(settings, service, client): { step, code, message, version,
// enctype, trace }.
Napi::Value KeytabLogin(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const LoginReport report =
      LogInWithKeytab(SettingsOf(info[0]), TextOf(info[1]), TextOf(info[2]));
  Napi::Object record = RecordOf(env, report);
  record.Set("version", report.version);
  record.Set("enctype", report.enctype);
  record.Set("trace", ListOf(env, report.trace));
  return record;
}

// ticketToken(settings): { step, code, message, token, client, service, cache
// }. `token` has bytes.
Napi::Value TicketToken(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const TokenReport report = MakeToken(SettingsOf(info[0]));
  Napi::Object record = RecordOf(env, report);
  record.Set("token", Napi::Buffer<char>::Copy(env, report.token.data(),
                                               report.token.size()));
  record.Set("client", report.client);
  record.Set("service", report.service);
  record.Set("cache", report.cache);
  return record;
}

}  // namespace

void ExportDiagnosis(Napi::Env env, Napi::Object exports) {
  exports.Set("configValues", Napi::Function::New(env, ConfigValues));
  exports.Set("nameService", Napi::Function::New(env, NameServiceOf));
  exports.Set("locateKdcs", Napi::Function::New(env, LocateKdcsOf));
  exports.Set("keytabKeys", Napi::Function::New(env, KeytabKeys));
  exports.Set("ticketToken", Napi::Function::New(env, TicketToken));
  exports.Set("keytabLogin", Napi::Function::New(env, KeytabLogin));
}

}  // namespace kpass
