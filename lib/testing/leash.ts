// Two things must not outlive this process, not even after SIGKILL: a running KDC, and the folder of
// its database. A small shell holds each of them, and waits on a pipe from this process. The kernel
// closes that pipe however this process ends; then the shell cleans up.
//
// Nothing here keeps the event loop alive, so a script that forgets to stop its realm still exits.

import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { isStopped } from './system.js';
import { sleep, timeoutSignal } from './time.js';

/**
 * The shell itself makes the folder, so it can remove the folder from the first moment on. The
 * removal fails while a program still writes there, so the shell tries again.
 */
const HOLD_FOLDER = `
trap '' PIPE
trap exit HUP INT TERM
folder=$(mktemp -d "$1XXXXXX") || exit
trap 'for try in 1 2 3 4 5; do rm -rf "$folder" && break; sleep 1; done' EXIT
printf '%s\\n' "$folder"
read -r _
`;

/**
 * Each line of its input is the name of a signal for the program. Its first line of output is the
 * program's pid. After `exec >&-` only the program holds the shell's stdout, so stdout ends with the
 * program. The shell waits for the program only after the pipe has closed. Until then the pid cannot
 * become another process's. SIGKILL ends a stopped program too. libfaketime leaves files in /dev/shm,
 * so the shell removes them.
 */
const RUN_PROGRAM = `
trap exit HUP INT TERM
trap 'kill -s KILL $pid; wait $pid; rm -f /dev/shm/*faketime_s[eh]m_$$ /dev/shm/*faketime_s[eh]m_$pid' EXIT
/bin/sh -c 'echo "$$"; exec "$@"' sh "$@" </dev/null 2>&1 & pid=$!
exec >&-
while read -r signal; do kill -s "$signal" $pid; done
`;

/** Node's pipes to a child process are sockets. */
type Shell = ChildProcess & { stdin: Socket; stdout: Socket };

/**
 * A shell in its own session: a terminal's Ctrl-C reaches only this process. When this process ends,
 * its pipe to the shell closes.
 */
function shell(script: string, args: readonly string[], env?: NodeJS.ProcessEnv): Shell {
  const child = spawn('/bin/sh', ['-c', script, 'sh', ...args], {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  }) as Shell;
  child.stdin.on('error', () => {}); // EPIPE: the shell has ended already
  // Bun's pipes have no unref(): there, a script ends only after it has stopped its realm.
  for (const handle of [child, child.stdin, child.stdout]) handle.unref?.();
  return child;
}

async function release(child: Shell): Promise<void> {
  child.stdin.end();
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  await once(child, 'exit');
}

/** A new folder that only this user may enter. It is removed when this process ends. */
export class LeashedFolder {
  readonly path: string;
  readonly #shell: Shell;

  private constructor(path: string, child: Shell) {
    this.path = path;
    this.#shell = child;
  }

  /** Makes a folder; its path is `prefix` and a few more characters. Rejects when it cannot. */
  static async make(prefix: string): Promise<LeashedFolder> {
    const child = shell(HOLD_FOLDER, [prefix]);
    child.ref();
    for await (const path of createInterface(child.stdout)) {
      child.unref();
      return new LeashedFolder(path, child);
    }
    throw new Error(`cannot make a folder ${prefix}…`);
  }

  /** Removes the folder and everything in it. */
  remove(): Promise<void> {
    return release(this.#shell);
  }
}

/** A running program that ends when this process ends. */
export class LeashedProgram {
  readonly #shell: Shell;
  readonly #changes = new EventEmitter();
  #output = '';
  #ended = false;

  /** Starts `command`: a program and its arguments. `env` is added to this process's variables. */
  constructor(command: readonly string[], env: NodeJS.ProcessEnv) {
    this.#shell = shell(RUN_PROGRAM, command, env);
    this.#shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.#changes.emit('change');
    });
    this.#shell.stdout.on('close', () => {
      this.#ended = true;
      this.#changes.emit('change');
    });
  }

  /** Its output so far, of stdout and stderr. */
  get output(): string {
    return this.#output.slice(this.#output.indexOf('\n') + 1);
  }

  /** Resolves to true when it has printed the text; to false when it or the time ends before that. */
  async prints(text: string, milliseconds: number): Promise<boolean> {
    const signal = timeoutSignal(milliseconds);
    await this.#until(() => this.output.includes(text), signal).catch(() => {});
    return this.output.includes(text);
  }

  /** Resolves when it has ended, for any reason. Does not keep the event loop alive. */
  async ended(): Promise<void> {
    while (!this.#ended) await once(this.#changes, 'change');
  }

  /** Makes it stand still, and resolves when it does. Rejects when it has ended. */
  async pause(): Promise<void> {
    this.#shell.stdin.write('STOP\n');
    while (!(await this.#stopped())) await sleep(1);
  }

  /** Lets it continue, and resolves when it does. Rejects when it has ended. */
  async resume(): Promise<void> {
    this.#shell.stdin.write('CONT\n');
    while (await this.#stopped()) await sleep(1);
  }

  /** Whether the program stands still. Rejects when it has ended. */
  async #stopped(): Promise<boolean> {
    await this.#until(() => this.#output.includes('\n'));
    if (this.#ended) throw new Error(`the program has ended: ${this.output.trim()}`);
    return isStopped(Number.parseInt(this.#output, 10));
  }

  /** Asks it to end, and resolves when it has ended. A paused program has to continue for that. */
  async terminate(): Promise<void> {
    this.#shell.stdin.write('TERM\nCONT\n');
    await this.#until(() => this.#ended);
    await this.kill();
  }

  /** Ends it by force, and resolves when it has ended. */
  kill(): Promise<void> {
    return release(this.#shell);
  }

  /** Resolves when the condition holds, or the program has ended. Rejects when the signal fires. */
  async #until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    this.#shell.ref(); // the event loop must not end during the wait
    try {
      while (!condition() && !this.#ended) {
        await once(this.#changes, 'change', signal ? { signal } : {});
      }
    } finally {
      this.#shell.unref();
    }
  }
}
