// Runs the command `kpass` as its users do: as a process, with its output and its exit code.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const FILE = join(__dirname, '..', '..', 'dist', 'cli', 'index.js');

/** The command, as a global installation puts it into the PATH. */
export const COMMAND = linkTo(FILE);

function linkTo(file: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'kpass-test-command-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755); // for AS_NOBODY
  const link = join(folder, 'kpass');
  symlinkSync(file, link);
  return link;
}

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** The whole of its stdin. */
  input?: string | Uint8Array;
  env?: Record<string, string>;
  /** Options for Node itself, and for the processes that the command starts. */
  node?: readonly string[];
}

/** Node's options to run as `nobody`, if root started it. */
export const AS_NOBODY = [
  '--import',
  `data:text/javascript,${encodeURIComponent(
    'if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }',
  )}`,
];

/** Starts the command in a session of its own, so without a terminal. */
export function startCommand(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const env = {
    ...process.env,
    LC_ALL: 'C',
    KRB5_CONFIG: '/nonexistent/krb5.conf',
    ...options.env,
    NODE_OPTIONS: [process.env.NODE_OPTIONS, ...(options.node ?? [])].join(' '),
  };
  return spawn(process.execPath, [COMMAND, ...args], {
    env,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Runs the command to its end. */
export async function runCommand(
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ending> {
  const child = startCommand(args, options);
  child.stdin?.on('error', () => {}); // the command may end without reading
  child.stdin?.end(options.input ?? '');
  if (!child.stdout || !child.stderr) throw new Error('the command was started without pipes');
  const [[code, signal], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, signal, stdout, stderr };
}
