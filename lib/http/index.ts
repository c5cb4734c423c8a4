import '../outside.js';

export type {
  Attempt,
  Awaitable,
  End,
  Reservation,
  Terms,
  ThrottleStore,
} from '../throttle-store.js';
export type { AuthStats, BasicAuth, HttpAuth } from './auth.js';
export { basicAuth } from './basic-auth.js';
export { type ErrorMessage, RequestError } from './failures.js';
export type { FormOptions } from './form.js';
export { kerberosAuth } from './kerberos-auth.js';
export type {
  BasicAuthOptions,
  CacheOptions,
  KerberosAuthOptions,
  NegotiateOptions,
} from './options.js';
export type { Readiness } from './readiness.js';
export type { AnyRequest } from './request.js';
export type { Identity, SchemeName } from './scheme.js';
export type { ThrottleOptions } from './throttle-options.js';
export type { VerificationStats } from './verifications.js';
