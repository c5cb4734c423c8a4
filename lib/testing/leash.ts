/**
 * What must not outlive this process, not even when it is killed with SIGKILL: a running KDC, and
 * the folder of its database. Each is held by a small shell that waits on a pipe from this process.
 * The kernel closes that pipe, however the process ends; then the shell cleans up.
 *
 * Nothing here keeps the event loop alive, so a script that forgets to stop its realm still exits.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { isStopped } from './system';

/**
 * The shell makes the folder, so that there is no moment in which only this process knows of it.
 * A program that is still writing there can spoil the removal, so it is tried again.
 */
const HOLD_FOLDER = `
trap '' PIPE
trap exit HUP INT TERM
folder=$(mktemp -d "$1XXXXXX") || exit
trap 'for try in 1 2 3 4 5; do rm -rf "$folder" && break; sleep 1; done' EXIT
echo "$folder"
read -r _
`;

/**
 * Each line read is the name of a signal for the program. The first line printed is its pid. After
 * `exec >&-` only the program holds the shell's stdout: its end is the program's end. The program is
 * not waited for until the pipe closes, so its pid cannot come to mean another process. SIGKILL ends
 * a stopped program too. libfaketime leaves files behind where a clock was asked for.
 */
const RUN_PROGRAM = `
trap exit HUP INT TERM
trap 'kill -s KILL $pid; wait $pid; rm -f /dev/shm/*faketime_s[eh]m_$$ /dev/shm/*faketime_s[eh]m_$pid' EXIT
/bin/sh -c 'echo "$$"; exec "$@"' sh "$@" </dev/null 2>&1 & pid=$!
exec >&-
while read -r signal; do kill -s "$signal" $pid; done
`;

/** Node makes the pipes of a child process as sockets. */
type Shell = ChildProcess & { stdin: Socket; stdout: Socket };

/** A shell in its own session: a terminal's Ctrl-C is for this process, which then lets go. */
function shell(script: string, args: readonly string[], env?: NodeJS.ProcessEnv): Shell {
  const child = spawn('/bin/sh', ['-c', script, 'sh', ...args], {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  }) as Shell;
  child.stdin.on('error', () => {}); // EPIPE: the shell has gone already
  // Bun's pipes cannot be let go of: there, a script has to stop its realm to end.
  for (const handle of [child, child.stdin, child.stdout]) handle.unref?.();
  return child;
}

async function release(child: Shell): Promise<void> {
  child.stdin.end();
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  await once(child, 'exit');
}

/** A new folder, which only this user may enter, and whose life is bound to this process's. */
export class LeashedFolder {
  readonly path: string;
  readonly #shell: Shell;

  private constructor(path: string, child: Shell) {
    this.path = path;
    this.#shell = child;
  }

  /** Makes one; its path is `prefix` and a few characters more. Rejects when that cannot be. */
  static async make(prefix: string): Promise<LeashedFolder> {
    const child = shell(HOLD_FOLDER, [prefix]);
    child.ref();
    for await (const path of createInterface(child.stdout)) {
      child.unref();
      return new LeashedFolder(path, child);
    }
    throw new Error(`Cannot make a folder ${prefix}…`);
  }

  /** Removes it, with all that it holds. */
  remove(): Promise<void> {
    return release(this.#shell);
  }
}

/** A running program whose life is bound to this process's. */
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

  /** What it has printed so far, on stdout and stderr. */
  get output(): string {
    return this.#output.slice(this.#output.indexOf('\n') + 1);
  }

  /** Resolves to true when it has printed the text; to false when it ended, or the time, without. */
  async prints(text: string, milliseconds: number): Promise<boolean> {
    const signal = AbortSignal.timeout(milliseconds);
    await this.#until(() => this.output.includes(text), signal).catch(() => {});
    return this.output.includes(text);
  }

  /** Stops it in its tracks, and resolves when it stands still. Rejects when it has ended. */
  async pause(): Promise<void> {
    this.#shell.stdin.write('STOP\n');
    while (!(await this.#stopped())) await sleep(1);
  }

  /** Lets it go on, and resolves when it does. Rejects when it has ended. */
  async resume(): Promise<void> {
    this.#shell.stdin.write('CONT\n');
    while (await this.#stopped()) await sleep(1);
  }

  /** Whether the program stands still. Rejects when it has ended. */
  async #stopped(): Promise<boolean> {
    await this.#until(() => this.#output.includes('\n'));
    if (this.#ended) throw new Error(`The program has ended: ${this.output.trim()}`);
    return isStopped(Number.parseInt(this.#output, 10));
  }

  /** Asks it to end, and resolves when it has. A paused one goes on, or it could not. */
  async terminate(): Promise<void> {
    this.#shell.stdin.write('TERM\nCONT\n');
    await this.#until(() => this.#ended);
    await this.kill();
  }

  /** Ends it by force, and resolves when it is gone. */
  kill(): Promise<void> {
    return release(this.#shell);
  }

  /** Resolves when the condition holds, or the program has ended. Rejects when the signal fires. */
  async #until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    this.#shell.ref(); // the event loop has to live for as long as somebody waits
    try {
      while (!condition() && !this.#ended) {
        await once(this.#changes, 'change', signal ? { signal } : {});
      }
    } finally {
      this.#shell.unref();
    }
  }
}
