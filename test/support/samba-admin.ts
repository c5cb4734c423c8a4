// The administrator of a Samba domain (samba_admin.py): one process, which answers requests in their
// order and ends with its stdin.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** The Python that Debian's package of Samba's modules is made for. */
export const PYTHON = '/usr/bin/python3';

export class SambaAdmin {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #errors = '';
  #last: Promise<unknown> = Promise.resolve();

  constructor(script: string, conf: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn(PYTHON, [script, conf], { env: { ...process.env, ...env } });
    // As on a leash: a script that forgets to stop its domain still exits.
    const { stdin, stdout, stderr } = this.#child;
    for (const handle of [this.#child, stdin, stdout, stderr] as { unref?: () => void }[]) {
      handle.unref?.();
    }
    this.#child.stdin.on('error', () => {}); // EPIPE: its end shows in the answers
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

  /** Ends the process when it has answered. */
  async end(): Promise<void> {
    await this.#last;
    this.#child.stdin.end();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.ref();
    await once(this.#child, 'exit');
  }

  async #request(method: string, args: Record<string, unknown>): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify([method, args])}\n`);
    this.#child.ref(); // the event loop has to live for as long as somebody waits
    const { value, done } = await this.#answers.next().finally(() => this.#child.unref());
    if (done) throw new Error(`samba_admin.py has ended: ${this.#errors.trim()}`);
    const { result, error } = JSON.parse(value);
    if (error !== undefined) throw new Error(`Samba refuses ${method}: ${error.trim()}`);
    return result;
  }
}
