// The services of a realm, and their keytabs.

import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Database } from './database.js';
import type { Kdc } from './kdc.js';
import { withWrongKeys } from './keytab.js';
import { checkOptions, SERVICE_OPTIONS, type ServiceOptions, serviceFlags } from './principals.js';

export class Services {
  readonly #realm: string;
  readonly #folder: string;
  readonly #database: Database;
  /** The path of each service's keytab. */
  readonly #keytabs = new Map<string, string>();

  constructor(realm: string, folder: string, database: Database) {
    this.#realm = realm;
    this.#folder = folder;
    this.#database = database;
  }

  get names(): string[] {
    return [...this.#keytabs.keys()];
  }

  /** Throws an Error for a service that was not added here. */
  keytab(service: string): string {
    const path = this.#keytabs.get(service);
    if (path === undefined) throw new Error(`realm ${this.#realm} has no service ${service}`);
    return path;
  }

  async add(service: string, given: ServiceOptions): Promise<void> {
    const options = checkOptions(given, SERVICE_OPTIONS);
    const keytab = join(this.#folder, `${service.replaceAll(/[^\w.-]/g, '_')}.keytab`);
    await this.#kadmin('addprinc', '-randkey', ...serviceFlags(options), service);
    await this.writeKeytab(keytab, [service]);
    this.#keytabs.set(service, keytab);
  }

  /** Gives a service a new key at the KDC and in its keytab, while the KDC is paused. */
  async rotateKeytab(service: string, kdc: Kdc): Promise<void> {
    const keytab = this.keytab(service);
    const next = `${keytab}.next`;
    await this.#database.alone(async ({ kadmin, ktadd }) => {
      await copyFile(keytab, next);
      await kdc.whilePaused(async () => {
        await kadmin('cpw', '-randkey', service);
        await ktadd(next, service);
        await rename(next, keytab);
      });
    });
  }

  async rotateKey(service: string): Promise<void> {
    await this.#kadmin('cpw', '-randkey', service);
  }

  async writeKeytab(path: string, principals: readonly string[]): Promise<void> {
    for (const principal of principals) {
      await this.#database.alone(({ ktadd }) => ktadd(path, principal));
    }
  }

  async writeWrongKeytab(path: string, service: string): Promise<void> {
    await writeFile(path, withWrongKeys(await readFile(this.keytab(service))), { mode: 0o600 });
  }

  /**
   * Gives the key of each service the version that it has in another realm, in the database and in
   * the keytab.
   */
  async takeKeyVersions(other: Services): Promise<void> {
    for (const [service, keytab] of this.#keytabs) {
      if (!other.#keytabs.has(service)) continue;
      const printed = await other.#kadmin('getprinc', service);
      const version = /^Key: vno (\d+)/m.exec(printed)?.[1] ?? '1';
      if (version === '1') continue;
      await this.#kadmin('modprinc', '-kvno', version, service);
      const next = `${keytab}.next`;
      await this.writeKeytab(next, [service]);
      await rename(next, keytab);
    }
  }

  /** Copies the keytabs of a realm whose database has been copied. */
  async copyKeytabs(original: Services): Promise<void> {
    for (const [service, keytab] of original.#keytabs) {
      const own = join(this.#folder, basename(keytab));
      await copyFile(keytab, own);
      this.#keytabs.set(service, own);
    }
  }

  #kadmin(...words: string[]): Promise<string> {
    return this.#database.alone(({ kadmin }) => kadmin(...words));
  }
}
