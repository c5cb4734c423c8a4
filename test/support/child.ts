// Programs that use kpass in a process of their own, to see how that process ends.

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

// What each program finds defined. `ending()` notes the time: what follows is the end.
const PRELUDE = `
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { kpass, Verifier, KpassError } = require('kpass');
const { CONFIG: config, KEYTAB: keytab } = process.env;
const options = { service: 'HTTP', host: 'localhost', keytab, config };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const ending = () => require('node:fs').writeSync(1, 'ending ' + Date.now() + '\\n');
`;

/** Runs CommonJS source with Node, in this realm. `config` instead of the realm's own. */
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

/** The prelude, for programs that start workers with the same source. */
export const prelude = PRELUDE;
