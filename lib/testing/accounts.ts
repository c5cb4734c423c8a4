// The accounts of a realm's users: how they are added, changed, locked and unlocked.

import type { Database } from './database.js';
import {
  type AccountState,
  checkOptions,
  checkPassword,
  LOCKOUT,
  lockoutOf,
  stateFlags,
  USER_OPTIONS,
  type UserOptions,
  userFlags,
} from './principals.js';

export class Accounts {
  readonly #realm: string;
  readonly #database: Database;
  /** The lockout of each user who has one. */
  readonly #lockouts = new Map<string, number>();
  readonly #policies = new Set<string>();

  constructor(realm: string, database: Database) {
    this.#realm = realm;
    this.#database = database;
  }

  async add(name: string, password: string, given: UserOptions): Promise<void> {
    const options = checkOptions(given, USER_OPTIONS);
    checkPassword(name, password);
    const { token } = options;
    if (token !== undefined && token !== 'only' && token !== 'also') {
      throw new TypeError(`a token is 'only' or 'also', not '${token}'`);
    }
    const flags = userFlags(options);
    const lockout = lockoutOf(options);
    await this.#withPassword(password, 'addprinc', ...flags, name);
    this.#lockouts.delete(name); // kadmin may have removed an earlier user of this name
    if (lockout !== undefined) await this.#setLockout(name, lockout);
    if (token !== undefined) await this.#kadmin('setstr', name, 'otp', '[{"type":"DEFAULT"}]');
    // Without keys, the KDC takes no password.
    if (token === 'only') await this.#kadmin('purgekeys', '-all', name);
    if (options.state === 'locked') await this.#lock(name);
  }

  async remove(name: string): Promise<void> {
    await this.#kadmin('delprinc', name);
  }

  async changePassword(name: string, password: string): Promise<void> {
    checkPassword(name, password);
    await this.#withPassword(password, 'cpw', name);
  }

  async setState(name: string, state: AccountState): Promise<void> {
    await this.#kadmin('modprinc', ...stateFlags(state), name);
    if (state === 'locked') await this.#lock(name);
    else await this.unlock(name);
  }

  async failedCount(name: string): Promise<number> {
    const printed = await this.#kadmin('getprinc', name);
    return Number(/^Failed password attempts: (\d+)$/m.exec(printed)?.[1]);
  }

  async unlock(name: string): Promise<void> {
    await this.#setFailures(name, 0);
  }

  /** Takes over the lockouts of a realm whose database has been copied. */
  copyLockouts(original: Accounts): void {
    for (const [name, lockout] of original.#lockouts) this.#lockouts.set(name, lockout);
    for (const policy of original.#policies) this.#policies.add(policy);
  }

  /** kadmin sets a lockout by a policy. There is one policy for each number. */
  async #setLockout(name: string, lockout: number): Promise<void> {
    const policy = `lockout-${lockout}`;
    if (!this.#policies.has(policy)) {
      this.#policies.add(policy);
      await this.#kadmin('addpol', '-maxfailure', String(lockout), policy);
    }
    await this.#kadmin('modprinc', '-policy', policy, name);
    this.#lockouts.set(name, lockout);
  }

  async #lock(name: string): Promise<void> {
    if (!this.#lockouts.has(name)) await this.#setLockout(name, LOCKOUT);
    await this.#setFailures(name, this.#lockouts.get(name) ?? LOCKOUT);
  }

  async #setFailures(name: string, count: number): Promise<void> {
    const principal = /(?<!\\)@/.test(name) ? name : `${name}@${this.#realm}`;
    await this.#database.setFailures(principal, count);
  }

  #kadmin(...words: string[]): Promise<string> {
    return this.#database.alone(({ kadmin }) => kadmin(...words));
  }

  #withPassword(password: string, ...words: string[]): Promise<string> {
    return this.#database.alone(({ withPassword }) => withPassword(password, ...words));
  }
}
