// The administrator of a Samba domain (samba_admin.py). It is one process. It answers requests in
// order, and ends when its stdin ends.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Debian builds Samba's Python modules for this Python. */
export const PYTHON = '/usr/bin/python3';

export class SambaAdmin {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #errors = '';
  #last: Promise<unknown> = Promise.resolve();

  constructor(script: string, conf: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn(PYTHON, [script, conf], { env: { ...process.env, ...env } });
    // These handles do not keep this process alive: a script that forgets to stop its domain exits.
    const { stdin, stdout, stderr } = this.#child;
    for (const handle of [this.#child, stdin, stdout, stderr] as { unref?: () => void }[]) {
      handle.unref?.();
    }
    this.#child.stdin.on('error', () => {}); // EPIPE: #request() reports the end
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Calls a method of samba_admin.py's Domain. Rejects with Samba's message. */
  request(method: string, args: Record<string, unknown> = {}): Promise<unknown> {
    const answer = this.#last.then(() => this.#request(method, args));
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Ends the process after it has answered all requests. */
  async end(): Promise<void> {
    await this.#last;
    this.#child.stdin.end();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.ref();
    await once(this.#child, 'exit');
  }

  async #request(method: string, args: Record<string, unknown>): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify([method, args])}\n`);
    this.#child.ref(); // a request in progress keeps this process alive
    const { value, done } = await this.#answers.next().finally(() => this.#child.unref());
    if (done) throw new Error(`samba_admin.py has ended: ${this.#errors.trim()}`);
    const { result, error } = JSON.parse(value);
    if (error !== undefined) throw new Error(`Samba refuses ${method}: ${error.trim()}`);
    return result;
  }
}
