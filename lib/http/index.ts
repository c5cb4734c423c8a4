import '../outside.js';

export type { BasicAuth, HttpAuth } from './auth.js';
export { basicAuth } from './basic-auth.js';
export { type ErrorMessage, RequestError } from './failures.js';
export type { FormOptions } from './form.js';
export { kerberosAuth } from './kerberos-auth.js';
export type {
  BasicAuthOptions,
  CacheOptions,
  KerberosAuthOptions,
  NegotiateOptions,
  ThrottleOptions,
} from './options.js';
export type { AnyRequest } from './request.js';
export type { Identity, SchemeName } from './scheme.js';
