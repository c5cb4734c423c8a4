/** What the methods of a Realm take. */
import { checkOptions, type Names, type User } from './principals';
import type { Realm } from './realm';

/** What `Realm.start` takes. Nothing is required. */
export interface RealmOptions {
  /** The realm's name; default 'EXAMPLE.COM'. */
  name?: string;
  /**
   * Users that are there from the start, by name: a password, or an object with the password and
   * more. Default none. Each takes about 25 ms.
   */
  users?: Readonly<Record<string, string | User>>;
  /** Services that are there from the start, each with a keytab; default ['HTTP/localhost']. */
  services?: readonly string[];
  /** Hosts, and domains with a leading dot, for krb5.conf's [domain_realm]; default none. */
  hosts?: readonly string[];
  /**
   * Encryption types of new keys, as kdc.conf names them; default 'aes256-cts-hmac-sha1-96' and
   * 'aes128-cts-hmac-sha1-96', which are cheap to make from a password.
   */
  enctypes?: readonly string[];
  /**
   * The KDC's clock relative to the machine's, as faketime writes it: '-1d', '+10m'. Default the
   * machine's own. It needs the program faketime.
   */
  clock?: string;
  /** More text for krb5.conf, in its own syntax; its values win. Default none. */
  config?: string;
  /** More text for kdc.conf, in its own syntax; its values win. Default none. */
  kdcConfig?: string;
  /**
   * The folder of the programs krb5kdc, kdb5_util and kadmin.local, such as that of a krb5 of your
   * own. Default: they are looked for in PATH, and where systems have them.
   */
  programs?: string;
}

/** What an impostor is like; for all else it takes after the realm. */
export interface ImpostorOptions {
  /** The passwords that it accepts. */
  users: NonNullable<RealmOptions['users']>;
  /** Services whose tickets it gives; default those of the realm. */
  services?: readonly string[];
}

/** What is different in a krb5.conf that `Realm.writeConfig` writes. */
export interface ConfigOptions {
  /** KDCs to name, each `host:port`, in the order in which they are tried; default the realm's own. */
  kdcs?: readonly string[];
  /**
   * Which of them, `host:port`, is the primary: the one that clients ask again when another refuses
   * a password. They tell KDCs apart by the host alone: say 'localhost' for one and '127.0.0.1' for
   * the other. Default none.
   */
  primary?: string;
  /** Other realms that the file knows too; default none. */
  realms?: readonly Realm[];
  /** More text for the file, in its own syntax; its values win. Default the realm's `config`. */
  more?: string;
}

const REALM_OPTIONS: Names<RealmOptions> = {
  name: true,
  users: true,
  services: true,
  hosts: true,
  enctypes: true,
  clock: true,
  config: true,
  kdcConfig: true,
  programs: true,
};

export const IMPOSTOR_OPTIONS: Names<ImpostorOptions> = { users: true, services: true };

export const CONFIG_OPTIONS: Names<ConfigOptions> = {
  kdcs: true,
  primary: true,
  realms: true,
  more: true,
};

/** Throws a TypeError for an option that means nothing. What the others say, MIT's programs judge. */
export function checkRealmOptions(options: RealmOptions): void {
  checkOptions(options, REALM_OPTIONS);
  const { name = 'EXAMPLE.COM' } = options;
  // krb5.conf and kdc.conf could not hold it, or say something else.
  if (typeof name !== 'string' || !/^[\p{L}\p{N}._-]+$/u.test(name)) {
    throw new TypeError(`A realm's name is letters, digits, dots and hyphens, not '${name}'`);
  }
  // A text has letters, each of which would be one.
  for (const list of ['services', 'hosts', 'enctypes'] as const) {
    if (Array.isArray(options[list] ?? [])) continue;
    throw new TypeError(`The option '${list}' is an array, not '${options[list]}'`);
  }
}
