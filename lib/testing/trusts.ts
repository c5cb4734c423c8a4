// The trusts of a realm: keys that it shares with other realms.

import { randomUUID } from 'node:crypto';
import type { Database } from './database.js';
import { ENCTYPES } from './files.js';

export class Trusts {
  readonly #realm: string;
  readonly #database: Database;
  /** By the other realm's name: the password from which both realms make their shared keys. */
  readonly #passwords = new Map<string, string>();

  constructor(realm: string, database: Database) {
    this.#realm = realm;
    this.#database = database;
  }

  /**
   * Lets the users of each realm get tickets for the services of the other one. May be called again.
   * Rejects for a realm of the same name.
   */
  async join(other: Trusts): Promise<void> {
    if (other.#realm === this.#realm) throw new Error(`both realms are ${this.#realm}`);
    const earlier = this.#passwords.get(other.#realm) ?? other.#passwords.get(this.#realm);
    const password = earlier ?? randomUUID();
    await this.#add(other.#realm, password);
    await other.#add(this.#realm, password);
  }

  /** Takes over the trusts of a realm whose database has been copied. */
  copy(original: Trusts): void {
    for (const [name, password] of original.#passwords) this.#passwords.set(name, password);
  }

  /** Names the encryption type: both realms need the same keys, and their defaults may differ. */
  async #add(other: string, password: string): Promise<void> {
    if (this.#passwords.has(other)) return;
    this.#passwords.set(other, password);
    await this.#database.alone(async ({ withPassword }) => {
      const query = ['addprinc', '-e', `${ENCTYPES[0]}:normal`];
      await withPassword(password, ...query, `krbtgt/${other}@${this.#realm}`);
      await withPassword(password, ...query, `krbtgt/${this.#realm}@${other}`);
    });
  }
}
