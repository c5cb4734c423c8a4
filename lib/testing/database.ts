/**
 * A realm's database, as MIT's programs work on it. They lock it, so they run one after the other:
 * what takes several of them is one task.
 */
import { writeFile } from 'node:fs/promises';
import { withFailures } from './failures';
import { type KdcPrograms, run } from './programs';

/** The programs, to be run within a task. Each rejects with an Error that carries its stderr. */
export interface Tools {
  /** One query of kadmin.local, word by word; resolves to what it printed. */
  kadmin(...words: string[]): Promise<string>;
  /** Adds the keys of a principal to a keytab. Rejects when it has none. */
  ktadd(keytab: string, principal: string): Promise<void>;
  /** One command of kdb5_util, word by word; resolves to what it printed. */
  kdb5Util(...words: string[]): Promise<string>;
}

export class Database {
  readonly #tools: Tools;
  #last: Promise<unknown> = Promise.resolve();

  /** `env` has the variables by which the programs find it. */
  constructor(programs: KdcPrograms, realm: string, env: Record<string, string>) {
    const kadmin = (...words: string[]) => run(programs.kadminLocal, ['-r', realm, ...words], env);
    const kdb5Util = (...words: string[]) => run(programs.kdb5Util, ['-r', realm, ...words], env);
    // kadmin.local ends well also when it has no keys to add.
    const ktadd = async (keytab: string, principal: string) => {
      const printed = await kadmin('ktadd', '-norandkey', '-k', keytab, principal);
      if (!printed.includes('added to keytab')) {
        throw new Error(`Realm ${realm} has no keys of ${principal}`);
      }
    };
    this.#tools = { kadmin, ktadd, kdb5Util };
  }

  /** Runs a task when all before it are done. */
  alone<T>(task: (tools: Tools) => Promise<T>): Promise<T> {
    const done = this.#last.then(() => task(this.#tools));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Resolves when all tasks so far are done. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /** Sets a principal's count of wrong passwords in a row. `scratch` is a path for a file. */
  async setFailures(principal: string, count: number, scratch: string): Promise<void> {
    // A second ahead: the KDC forgets failures that are no later than kadmin's unlocking.
    const when = count === 0 ? 0 : Math.floor(Date.now() / 1000) + 1;
    await this.alone(async ({ kdb5Util }) => {
      const dump = withFailures(await kdb5Util('dump'), principal, count, when);
      await writeFile(scratch, dump, { mode: 0o600 });
      await kdb5Util('load', '-update', scratch);
    });
  }
}
