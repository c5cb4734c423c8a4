/** `kpass/testing`: a private Kerberos realm for tests and for a laptop. */
export type { AccountState, ServiceOptions, User, UserOptions } from './principals';
export { type ConfigOptions, type ImpostorOptions, Realm, type RealmOptions } from './realm';
