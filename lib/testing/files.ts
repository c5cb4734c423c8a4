// The files in a realm's folder: its configuration, and paths for more files.

import { realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kdcConf, krb5Conf, type RealmConf } from './config.js';
import type { RealmOptions } from './options.js';

/** Their keys are cheap to make from a password: about 4 ms, and 50 ms for aes-sha2. */
export const ENCTYPES = ['aes256-cts-hmac-sha1-96', 'aes128-cts-hmac-sha1-96'] as const;

/** The longest path of TMPDIR that is used. libkrb5 reads lines of at most 2,047 bytes. */
const MAX_PATH = 1024;

/**
 * The folder for temporary files: TMPDIR, unless no file in it can be named in KRB5_CONFIG, which is a
 * list with colons between the paths, or in a line of kdc.conf. Then /tmp.
 */
export async function temporaryFolder(): Promise<string> {
  // The real path: through a link, one file would have two names.
  const path = await realpath(tmpdir());
  const canBeNamed = !/[:\n]/.test(path) && Buffer.byteLength(path) <= MAX_PATH;
  return canBeNamed ? path : realpath('/tmp');
}

/** The values in which another krb5.conf differs from the realm's own. */
export interface Changes {
  kdcs?: readonly string[] | undefined;
  primary?: string | undefined;
  passwordServers?: readonly string[] | undefined;
  /** Other realms that the file describes too. */
  others?: readonly RealmConf[];
  more?: string | undefined;
}

/** Without a prototype: a property of Object.prototype is no change. */
const NO_CHANGES: Changes = Object.create(null);

export class RealmFiles {
  /** The KDC's port on 127.0.0.1. */
  port = 0;
  /** kadmind's ports on 127.0.0.1; 0 without kadmind. */
  adminPort = 0;
  passwordPort = 0;
  /** What kdc.conf says about tokens. */
  tokens = '';
  readonly folder: string;
  readonly #options: RealmOptions & { name: string };
  readonly #primary: RealmFiles | null;
  #count = 0;

  /** `primary` has the files of the realm of which this one is a replica; null for no replica. */
  constructor(
    folder: string,
    options: RealmOptions & { name: string },
    primary: RealmFiles | null,
  ) {
    this.folder = folder;
    this.#options = options;
    this.#primary = primary;
  }

  get config(): string {
    return join(this.folder, 'krb5.conf');
  }

  /** The variables by which MIT's programs find the realm. */
  get env(): Record<string, string> {
    return {
      KRB5_CONFIG: this.config,
      KRB5_KDC_PROFILE: join(this.folder, 'kdc.conf'),
      KRB5CCNAME: `FILE:${join(this.folder, 'ccache')}`,
    };
  }

  /** A path that no other file has. */
  nextPath(kind: 'ccache' | 'conf' | 'keytab'): string {
    this.#count += 1;
    return join(this.folder, `more-${this.#count}.${kind}`);
  }

  /** Writes krb5.conf and kdc.conf for the present port. */
  async writeConfigs(): Promise<void> {
    const { name: realm, enctypes = ENCTYPES, kdcConfig = '' } = this.#options;
    const more = `${kdcConfig}\n${this.tokens}`;
    const { port, adminPort, passwordPort, folder } = this;
    const kdc = { realm, port, adminPort, passwordPort, folder, enctypes, more };
    await writeFile(this.config, this.krb5Conf());
    await writeFile(join(this.folder, 'kdc.conf'), kdcConf(kdc));
  }

  /** The text of a krb5.conf for this realm. */
  krb5Conf(changes: Changes = NO_CHANGES): string {
    const { kdcs, primary, passwordServers, others = [], more } = changes;
    const own = this.realmConf();
    if (passwordServers !== undefined) own.passwordServers = passwordServers;
    if (kdcs !== undefined) Object.assign(own, { kdcs, primary: null });
    if (primary !== undefined) own.primary = primary;
    return krb5Conf([own, ...others], more ?? this.#options.config ?? '');
  }

  /** This realm's part of a krb5.conf. A replica is named first, and then its primary. */
  realmConf(): RealmConf {
    const { name, hosts = [] } = this.#options;
    // A replica's database takes no changes.
    const { passwordPort } = this.#primary ?? this;
    const passwordServers = passwordPort === 0 ? [] : [`127.0.0.1:${passwordPort}`];
    if (this.#primary === null) {
      const kdcs = [`127.0.0.1:${this.port}`];
      return { name, kdcs, primary: null, passwordServers, hosts };
    }
    const primary = `127.0.0.1:${this.#primary.port}`;
    return { name, kdcs: [`localhost:${this.port}`, primary], primary, passwordServers, hosts };
  }
}
