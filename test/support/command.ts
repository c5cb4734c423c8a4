// The command `kpass` as its users run it: a process, its words, its exit code.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export const COMMAND = join(__dirname, '..', '..', 'dist', 'cli', 'index.js');

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** What it reads on stdin, to its end. */
  input?: string | Uint8Array;
  env?: Record<string, string>;
  /** Options for Node itself, before the command's file. */
  node?: readonly string[];
}

/** What makes Node go on as a user who owns nothing, where it was started by root. */
export const AS_NOBODY = [
  '--import',
  `data:text/javascript,${encodeURIComponent(
    'if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }',
  )}`,
];

/** Starts it, without a terminal: it is in a session of its own. */
export function startCommand(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const env = {
    ...process.env,
    LC_ALL: 'C',
    KRB5_CONFIG: '/nonexistent/krb5.conf',
    ...options.env,
  };
  return spawn(process.execPath, [...(options.node ?? []), COMMAND, ...args], {
    env,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Runs it to its end. */
export async function runCommand(
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ending> {
  const child = startCommand(args, options);
  child.stdin?.on('error', () => {}); // it may end without reading
  child.stdin?.end(options.input ?? '');
  if (!child.stdout || !child.stderr) throw new Error('Started without pipes');
  const [[code, signal], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, signal, stdout, stderr };
}
