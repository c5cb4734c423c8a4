/** A realm's KDC as a process: it runs, is paused, or is stopped. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LeashedProgram } from './leash';
import { isShared } from './port';
import { isAnyLocked } from './system';

/** Milliseconds for the KDC to be ready; it needs about thirty. */
const READY = 10_000;

/** How often a KDC is let go on, for a millisecond, that stands still with its database locked. */
const TRIES = 1_000;

/** The files of a database by whose locks its users exclude each other. */
const LOCKS = ['principal', 'principal.ok', 'principal.kadm5', 'principal.kadm5.lock'];

export class Kdc {
  readonly #folder: string;
  #program: LeashedProgram | null = null;
  #paused = false;

  /** `folder` holds its database. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Starts it anew and resolves when it answers. Rejects with what it printed when it does not run,
   * and when the port is another program's as well.
   */
  async start(command: readonly string[], env: NodeJS.ProcessEnv, port: number): Promise<void> {
    await this.stop();
    const program = new LeashedProgram(command, env);
    this.#program = program;
    // Its last line before it serves: the sockets are open.
    if (!(await program.prints('starting...', READY))) {
      throw new Error(`krb5kdc does not run: ${program.output.trim()}`);
    }
    if (await isShared(port)) throw new Error(`Port ${port} has another owner as well`);
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
    await this.#program?.kill();
  }

  /** Makes it stand still, with its ports open. Rejects when it is stopped. */
  async pause(): Promise<void> {
    const program = this.#running();
    for (let tries = 1; ; tries++) {
      await program.pause();
      if (!(await this.#holdsLock())) break;
      await program.resume();
      if (tries === TRIES) throw new Error('The KDC does not let go of its database');
      await sleep(1);
    }
    this.#paused = true;
  }

  /** Lets it go on. Rejects when it is stopped. */
  async resume(): Promise<void> {
    await this.#running().resume();
    this.#paused = false;
  }

  /** Does something of which it notices only the whole. */
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
    if (this.#program === null) throw new Error('The KDC is stopped');
    return this.#program;
  }

  /**
   * Whether somebody has its database locked. A paused KDC that had would keep everybody else out:
   * kadmin.local gives up after five seconds.
   */
  #holdsLock(): Promise<boolean> {
    return isAnyLocked(LOCKS.map((name) => join(this.#folder, name)));
  }
}
