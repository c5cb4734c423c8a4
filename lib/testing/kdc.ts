// A realm's KDC as a process: it runs, is paused, or is stopped.

import { join } from 'node:path';
import type { RealmFiles } from './files.js';
import { LeashedProgram } from './leash.js';
import type { RealmOptions } from './options.js';
import { freePort, isShared } from './port.js';
import { clockEnv } from './programs.js';
import { isAnyLocked } from './system.js';
import { sleep } from './time.js';

/** Milliseconds in which the KDC must be ready; it needs about thirty. */
const READY = 10_000;

/** How many ports `open` tries: a process that starts at the same time may take the same port. */
const PORTS = 5;

/** How often `pause` tries to catch the KDC at a moment without a lock on its database. */
const TRIES = 1_000;

/** The database files whose locks keep its users apart. */
const LOCKS = ['principal', 'principal.ok', 'principal.kadm5', 'principal.kadm5.lock'];

/** The KDCs that were started, by the realm's folder, for `kpass realm`. */
export const kdcs = new Map<string, Kdc>();

export class Kdc {
  readonly #command: readonly string[];
  readonly #clock: string | undefined;
  readonly #files: RealmFiles;
  #program: LeashedProgram | null = null;
  #paused = false;

  /** `krb5kdc` is the path of the program. The folder of `files` holds the database. */
  constructor(
    krb5kdc: string,
    { name, clock }: RealmOptions & { name: string },
    files: RealmFiles,
  ) {
    this.#command = [krb5kdc, '-n', '-r', name];
    this.#clock = clock;
    this.#files = files;
  }

  /** Takes a port and starts the KDC there; tries another port when another process was faster. */
  async open(env: NodeJS.ProcessEnv): Promise<void> {
    for (let tries = 1; ; tries++) {
      this.#files.port = await freePort();
      await this.#files.writeConfigs();
      try {
        return await this.start(env);
      } catch (error) {
        await this.kill();
        if (tries === PORTS) throw error;
      }
    }
  }

  /**
   * Starts the KDC anew and resolves when it answers. Rejects with its output when it does not run,
   * and rejects when another program has the port too.
   */
  async start(env: NodeJS.ProcessEnv): Promise<void> {
    const changes = this.#clock === undefined ? {} : await clockEnv(this.#clock);
    await this.stop();
    const program = new LeashedProgram(this.#command, { LC_ALL: 'C', ...env, ...changes });
    this.#program = program;
    kdcs.set(this.#files.folder, this);
    // krb5kdc prints this line last, when its sockets are open.
    if (!(await program.prints('starting...', READY))) {
      throw new Error(`krb5kdc does not run: ${program.output.trim()}`);
    }
    const { port } = this.#files;
    if (await isShared(port)) throw new Error(`port ${port} has another owner as well`);
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    const program = this.#program;
    this.#program = null;
    this.#paused = false;
    await program?.terminate();
  }

  /** Ends it by force. */
  async kill(): Promise<void> {
    kdcs.delete(this.#files.folder);
    await this.#program?.kill();
  }

  /** Resolves to its output when it ends without `stop`. Does not keep the event loop alive. */
  async died(): Promise<string> {
    for (;;) {
      const program = this.#program;
      if (program === null) return '';
      await program.ended();
      if (program === this.#program) return program.output.trim();
    }
  }

  /** Makes it stand still, with its ports open. Rejects when it is stopped. */
  async pause(): Promise<void> {
    const program = this.#running();
    for (let tries = 1; ; tries++) {
      await program.pause();
      if (!(await this.#holdsLock())) break;
      await program.resume();
      if (tries === TRIES) throw new Error('the KDC does not release its database');
      await sleep(1);
    }
    this.#paused = true;
  }

  /** Lets it continue. Rejects when it is stopped. */
  async resume(): Promise<void> {
    await this.#running().resume();
    this.#paused = false;
  }

  /** Runs a task while the KDC stands still, so that the KDC sees all of its changes or none. */
  async whilePaused<T>(task: () => Promise<T>): Promise<T> {
    if (this.#program === null || this.#paused) return await task();
    await this.pause();
    try {
      return await task();
    } finally {
      await this.resume();
    }
  }

  #running(): LeashedProgram {
    if (this.#program === null) throw new Error('the KDC is stopped');
    return this.#program;
  }

  /**
   * Whether any process has the database locked. A KDC that is paused with a lock would keep all
   * others out: kadmin.local gives up after five seconds.
   */
  #holdsLock(): Promise<boolean> {
    return isAnyLocked(LOCKS.map((name) => join(this.#files.folder, name)));
  }
}
