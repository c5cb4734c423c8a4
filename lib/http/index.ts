import '../outside.js';

export type { BasicAuth } from './auth.js';
export { basicAuth } from './basic-auth.js';
export { type ErrorMessage, RequestError } from './failures.js';
export type { FormOptions } from './form.js';
export type {
  AnyRequest,
  BasicAuthOptions,
  CacheOptions,
  ThrottleOptions,
} from './options.js';
export type { Identity } from './scheme.js';
export type { Attempt, Awaitable, End, Reservation, Terms, ThrottleStore } from './store.js';
