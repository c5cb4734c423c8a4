// A realm's database, as MIT's programs read and change it. The programs lock the database, so they
// run one after the other. Several programs that belong together run as one task.

import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withFailures } from './failures.js';
import { type KdcPrograms, run } from './programs.js';
import { now } from './time.js';

/** The programs, for use within a task. Each rejects with an Error that carries its stderr. */
interface Tools {
  /** Runs one query of kadmin.local, word by word; resolves to its output. */
  kadmin(...words: string[]): Promise<string>;
  /** Runs a query that asks for a new password. */
  withPassword(password: string, ...words: string[]): Promise<string>;
  /** Adds the keys of a principal to a keytab. Rejects when the principal has none. */
  ktadd(keytab: string, principal: string): Promise<void>;
  /** Runs one command of kdb5_util, word by word; resolves to its output. */
  kdb5Util(...words: string[]): Promise<string>;
}

export class Database {
  readonly #tools: Tools;
  readonly #folder: string;
  #last: Promise<unknown> = Promise.resolve();

  /** `env` has the variables by which the programs find the realm; `folder` is the realm's own. */
  constructor(programs: KdcPrograms, realm: string, folder: string, env: Record<string, string>) {
    // Named: without a name, kadmin.local looks for the user's, and ends if the user has none.
    const local = ['-r', realm, '-p', `kpass@${realm}`];
    const kadmin = (...words: string[]) => run(programs.kadminLocal, [...local, ...words], env);
    // kadmin.local asks twice.
    const withPassword = (password: string, ...words: string[]) =>
      run(programs.kadminLocal, [...local, ...words], env, `${password}\n${password}\n`);
    const kdb5Util = (...words: string[]) => run(programs.kdb5Util, ['-r', realm, ...words], env);
    // kadmin.local exits with 0 even when it has no keys to add.
    const ktadd = async (keytab: string, principal: string) => {
      const printed = await kadmin('ktadd', '-norandkey', '-k', keytab, principal);
      if (!printed.includes('added to keytab')) {
        throw new Error(`realm ${realm} has no keys of ${principal}`);
      }
    };
    this.#tools = { kadmin, withPassword, ktadd, kdb5Util };
    this.#folder = folder;
  }

  /** Runs a task after all earlier tasks are done. */
  alone<T>(task: (tools: Tools) => Promise<T>): Promise<T> {
    const done = this.#last.then(() => task(this.#tools));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Resolves when all tasks so far are done. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /** Makes this database a copy of another one as it is now, with its master key. */
  async copy(original: Database): Promise<void> {
    const dump = join(this.#folder, 'dump');
    await original.alone(({ kdb5Util }) => kdb5Util('dump', dump));
    await copyFile(join(original.#folder, 'stash'), join(this.#folder, 'stash'));
    await this.alone(({ kdb5Util }) => kdb5Util('load', dump));
  }

  /** Sets a principal's count of wrong passwords in a row. */
  async setFailures(principal: string, count: number): Promise<void> {
    // One second in the future: the KDC ignores failures that are not later than kadmin's unlocking.
    const when = count === 0 ? 0 : Math.floor(now() / 1000) + 1;
    const scratch = join(this.#folder, 'failures.dump');
    await this.alone(async ({ kdb5Util }) => {
      const dump = withFailures(await kdb5Util('dump'), principal, count, when);
      await writeFile(scratch, dump, { mode: 0o600 });
      await kdb5Util('load', '-update', scratch);
    });
  }
}
