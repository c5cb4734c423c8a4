// The options of a realm and of an impostor.

import { checkOptions, type Names, type User } from './principals.js';

/** The options of `Realm.start`. None is required. */
export interface RealmOptions {
  /** The realm's name; default 'EXAMPLE.COM'. */
  name?: string;
  /**
   * Users that exist from the start, by name: a password, or an object with the password and more.
   * Default none. Each takes about 25 ms.
   */
  users?: Readonly<Record<string, string | User>>;
  /** Services that exist from the start, each with a keytab; default ['HTTP/localhost']. */
  services?: readonly string[];
  /** Hosts, and domains with a leading dot, for krb5.conf's [domain_realm]; default none. */
  hosts?: readonly string[];
  /**
   * Encryption types of new keys, by their names in kdc.conf. Default 'aes256-cts-hmac-sha1-96' and
   * 'aes128-cts-hmac-sha1-96': their keys are cheap to make from a password.
   */
  enctypes?: readonly string[];
  /**
   * The KDC's clock relative to the machine's, in faketime's syntax: '-1d', '+10m'. Default: the
   * machine's own clock. Needs the program faketime.
   */
  clock?: string;
  /**
   * Whether users can change their passwords: the realm then also runs MIT's kadmind, on free ports of
   * 127.0.0.1. Default false. Takes about 50 ms.
   */
  passwords?: boolean;
  /** More text for krb5.conf, in its own syntax; its values win. Default none. */
  config?: string;
  /** More text for kdc.conf, in its own syntax; its values win. Default none. */
  kdcConfig?: string;
  /**
   * Whether users may have tokens. Default false. It needs MIT's plugin for OTP (krb5-otp). The realm
   * brings a RADIUS server of its own, which accepts what `realm.tokens` allows.
   */
  tokens?: boolean;
  /**
   * The folder of the programs krb5kdc, kdb5_util and kadmin.local, for example of a krb5 that you
   * built. Default: PATH, and the usual folders of systems.
   */
  programs?: string;
}

/** The options of an impostor. Everything else is as in the realm. */
export interface ImpostorOptions {
  /** The passwords that it accepts. */
  users: NonNullable<RealmOptions['users']>;
  /** The services for which it issues tickets; default: the realm's services. */
  services?: readonly string[];
}

const REALM_OPTIONS: Names<RealmOptions> = {
  name: true,
  users: true,
  services: true,
  hosts: true,
  enctypes: true,
  clock: true,
  passwords: true,
  config: true,
  kdcConfig: true,
  tokens: true,
  programs: true,
};

export const IMPOSTOR_OPTIONS: Names<ImpostorOptions> = { users: true, services: true };

/** A copy. Throws a TypeError for an option without a meaning. MIT's programs check all other values. */
export function checkRealmOptions(given: RealmOptions): RealmOptions {
  const options = checkOptions(given, REALM_OPTIONS);
  const { name = 'EXAMPLE.COM' } = options;
  // In krb5.conf and kdc.conf, any other character would be a syntax error or change the meaning.
  if (typeof name !== 'string' || !/^[\p{L}\p{N}._-]+$/u.test(name)) {
    throw new TypeError(`a realm's name is letters, digits, dots and hyphens, not '${name}'`);
  }
  if (typeof (options.passwords ?? false) !== 'boolean') {
    throw new TypeError(`the option 'passwords' is a boolean, not '${options.passwords}'`);
  }
  // A string is iterable: each of its letters would become a service, a host or a type.
  for (const list of ['services', 'hosts', 'enctypes'] as const) {
    if (Array.isArray(options[list] ?? [])) continue;
    throw new TypeError(`the option '${list}' is an array, not '${options[list]}'`);
  }
  return options;
}

/** The options of a krb5.conf, apart from other realms. */
export interface OwnConfigOptions {
  /** KDCs to name, each `host:port`, in the order in which clients try them; default: the realm's. */
  kdcs?: readonly string[];
  /**
   * The primary among them, `host:port`: the KDC that clients ask again when another one refuses a
   * password. They tell KDCs apart by the host alone: write 'localhost' for one and '127.0.0.1' for
   * the other. Default none.
   */
  primary?: string;
  /** Servers to name that change passwords, each `host:port`; default: the realm's, if it has one. */
  passwordServers?: readonly string[];
  /** More text for the file, in its own syntax; its values win. Default: the realm's `config`. */
  more?: string;
}

export const OWN_CONFIG_OPTIONS: Names<OwnConfigOptions> = {
  kdcs: true,
  primary: true,
  passwordServers: true,
  more: true,
};
