// Starts each subject as a program that makes calls in rounds.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Realm } from 'kpass/testing';
import { PASSWORD, REALM, SERVICE, USER } from './callers';
import { type Figures, figure, type Subject } from './figures';
import type { Round } from './rounds';

const BUILT = join(__dirname, '../build-bench');

export class Loop implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #failure: Promise<never>;

  private constructor(child: ChildProcess) {
    if (child.stdout === null || child.stderr === null) throw new TypeError('no pipes');
    this.#child = child;
    this.#lines = createInterface(child.stdout);
    const printed = text(child.stderr);
    this.#failure = once(child, 'exit').then(async ([code, signal]) => {
      throw new Error(`ended with ${signal ?? code} ${await printed}`);
    });
    this.#failure.catch(() => {}); // `round` and `stop` handle it
  }

  /** Resolves when the program is ready for a round. `threads` is for subjects in Node.js. */
  static async start(
    realm: Realm,
    subject: Subject,
    config: string,
    threads?: number,
  ): Promise<Loop> {
    const [program = '', ...args] = await commandOf(realm, subject);
    const env: NodeJS.ProcessEnv = { ...process.env };
    Object.assign(env, { KRB5_CONFIG: config, KEYTAB: realm.keytab(SERVICE) });
    if (threads !== undefined) {
      args.push(String(threads));
      env.UV_THREADPOOL_SIZE = String(threads);
    }
    const loop = new Loop(spawn(program, args, { env }));
    await loop.round({ concurrency: 1, calls: 0 });
    return loop;
  }

  /**
   * Makes `calls` calls, `concurrency` of them at once. Without `ms`, no call may fail. With `ms`,
   * the round includes only calls that end within that time, and some of them may fail.
   */
  async round({ concurrency = 1, calls = 1, ms = 0 }): Promise<Round> {
    const answer = once(this.#lines, 'line');
    this.#child.stdin?.write(`${concurrency} ${calls} ${ms}\n`);
    const [line] = await Promise.race([answer, this.#failure]);
    const round: Round = JSON.parse(line);
    if (ms === 0 && round.failed > 0) throw new Error(`${round.failed} of ${calls} calls failed`);
    return round;
  }

  /** Ends the program, even with calls in progress. */
  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await this.#failure.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Returns 'not installed' for a subject that cannot run here, and '' for others. */
function absence(subject: Subject): string {
  const built: Partial<Record<Subject, string>> = {
    'npm kerberos': join(
      __dirname,
      '../build-kerberos/node_modules/kerberos/build/Release/kerberos.node',
    ),
    pam_krb5: join(BUILT, 'pam'),
    mod_auth_gssapi: '/usr/lib/apache2/modules/mod_auth_gssapi.so',
  };
  const needed = built[subject];
  return needed === undefined || existsSync(needed) ? '' : 'not installed';
}

async function commandOf(realm: Realm, subject: Subject): Promise<string[]> {
  const node = [process.execPath, '--import', 'tsx'];
  const user = `${USER}@${REALM}`;
  if (subject === 'C loop') {
    const keytab = realm.keytab(SERVICE);
    return [join(BUILT, 'loop'), keytab, `${SERVICE}@${REALM}`, user, PASSWORD];
  }
  if (subject === 'pam_krb5') return [join(BUILT, 'pam'), await pamFolder(realm), user, PASSWORD];
  if (subject === 'mod_auth_gssapi') return [...node, join(__dirname, 'apache-loop.ts')];
  return [...node, join(__dirname, 'node-loop.ts'), subject];
}

async function pamFolder(realm: Realm): Promise<string> {
  const folder = join(realm.folder, 'pam');
  await mkdir(folder, { recursive: true });
  const options = `keytab=${realm.keytab(SERVICE)} no_ccache`;
  await writeFile(join(folder, 'bench'), `auth required pam_krb5.so ${options}\n`);
  return folder;
}

/** The results of a subject, round by round; or the reason why there are none. */
export type Results<T> = T[] | string;

/** Measures once more, and adds the result to the earlier ones. */
export async function again<T>(
  subject: Subject,
  results: Results<T> = absence(subject) || [],
  measure: () => Promise<T>,
): Promise<Results<T>> {
  if (typeof results === 'string') return results;
  try {
    return [...results, await measure()];
  } catch (error) {
    console.error(`${subject}: ${error}`);
    return 'failed';
  }
}

/** Measures in rounds. Each round measures every subject once, so the subjects take turns. */
export async function interleave<S extends Subject, T>(
  subjects: readonly S[],
  rounds: number,
  measure: (subject: S) => Promise<T>,
): Promise<Map<S, Results<T>>> {
  const results = new Map<S, Results<T>>();
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) {
      const its = await again(subject, results.get(subject), () => measure(subject));
      results.set(subject, its);
    }
  }
  return results;
}

export function figuresOf<T>(
  results: Map<Subject, Results<T>>,
  value: (result: T) => number,
): Figures {
  return Object.fromEntries(
    [...results].map(([subject, its]) => [
      subject,
      typeof its === 'string' ? its : figure(its.map(value)),
    ]),
  );
}
