/** `kpass/testing`: a private Kerberos realm for tests and for a laptop. */
export type { ConfigOptions, ImpostorOptions, RealmOptions } from './options';
export type { AccountState, ServiceOptions, User, UserOptions } from './principals';
export { Realm } from './realm';
