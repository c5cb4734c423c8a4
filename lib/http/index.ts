export { type BasicAuth, type BasicAuthOptions, basicAuth, type Identity } from './basic-auth.js';
export type { RequestError } from './failures.js';
