// Runs programs that use kpass in a process of their own, and tells how the process ends.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Realm } from 'kpass/testing';
import { SERVICE } from './subject';

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** ms from the program's call of `ending()` to the end of its process; NaN without the call. */
  endedIn: number;
}

// The beginning of each program. A program calls `ending()` right before it ends, to note the time.
const PRELUDE = `
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { kpass, Verifier, KpassError } = require('kpass');
const { CONFIG: config, KEYTAB: keytab } = process.env;
const options = { service: 'HTTP', host: 'localhost', keytab, config };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const ending = () => require('node:fs').writeSync(1, 'ending ' + Date.now() + '\\n');
`;

/** Runs CommonJS source with Node, in a realm; `config` replaces the realm's own krb5.conf. */
export async function runProgram(
  realm: Realm,
  source: string,
  config: string = realm.config,
  more: NodeJS.ProcessEnv = {},
): Promise<Ending> {
  const env = { ...process.env, CONFIG: config, KEYTAB: realm.keytab(SERVICE), ...more };
  const child = spawn(process.execPath, ['-e', PRELUDE + source], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'exit').then(([code, signal]) => ({ code, signal, at: Date.now() }));
  const [{ code, signal, at }, stdout, stderr] = await Promise.all([
    closed,
    text(child.stdout),
    text(child.stderr),
  ]);
  const start = /^ending (\d+)$/m.exec(stdout)?.[1];
  return { code, signal, stdout, stderr, endedIn: at - Number(start ?? Number.NaN) };
}

/** The beginning of each program, for workers as well. */
export const prelude = PRELUDE;
