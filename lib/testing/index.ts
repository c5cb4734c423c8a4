/** `kpass/testing`: a private Kerberos realm for tests and for a laptop. */
export { type ConfigOptions, Realm, type RealmOptions } from './realm';
