// A realm's kadmind as a process: the server that changes passwords.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RealmFiles } from './files.js';
import { LeashedProgram } from './leash.js';
import type { RealmOptions } from './options.js';
import { freePort } from './port.js';
import { clockEnv, findKadmind } from './programs.js';

/** Milliseconds in which kadmind must be ready; it needs about forty. */
const READY = 10_000;

/** How many pairs of ports `open` tries: another process may take a port first. */
const TRIES = 5;

export class Kadmind {
  readonly #command: readonly string[];
  readonly #clock: string | undefined;
  readonly #files: RealmFiles;
  #program: LeashedProgram | null = null;

  /** Throws an Error that names the packages to install if the program is missing. */
  constructor({ name, clock, programs }: RealmOptions & { name: string }, files: RealmFiles) {
    this.#command = [findKadmind(programs), '-nofork', '-r', name];
    this.#clock = clock;
    this.#files = files;
  }

  /** Takes two ports, and starts kadmind there. Rejects with its output when it does not run. */
  async open(env: NodeJS.ProcessEnv): Promise<void> {
    // No principal is an administrator.
    await writeFile(join(this.#files.folder, 'kadm5.acl'), '');
    const clock = this.#clock === undefined ? {} : await clockEnv(this.#clock);
    for (let tries = 1; ; tries++) {
      this.#files.adminPort = await freePort();
      this.#files.passwordPort = await freePort();
      await this.#files.writeConfigs();
      const program = new LeashedProgram(this.#command, { LC_ALL: 'C', ...env, ...clock });
      this.#program = program;
      if (await program.prints('starting...', READY)) return;
      await this.kill();
      if (tries === TRIES) throw new Error(`kadmind does not run: ${program.output.trim()}`);
    }
  }

  /** Ends it by force. */
  async kill(): Promise<void> {
    await this.#program?.kill();
  }
}
