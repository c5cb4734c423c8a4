// `kpass/testing`: a private Kerberos realm for tests and for a laptop.

export type { ImpostorOptions, RealmOptions } from './options.js';
export type { AccountState, ServiceOptions, User, UserOptions } from './principals.js';
export type { Tokens } from './radius.js';
export { type ConfigOptions, Realm } from './realm.js';
export type { TicketOptions } from './tickets.js';
export type { TokenOptions } from './token.js';
