// Runs a subject in Node.js, in rounds. The first argument is the subject's name. The second one, if
// given, is the number of kpass's threads.

import assert from 'node:assert/strict';
import { callerOf, type InNode } from './callers';
import { playRounds } from './rounds';

const [subject, threads] = process.argv.slice(2);
const more = threads === undefined ? {} : { threads: Number(threads) };
const { call, isRight } = callerOf(subject as InNode, more);

async function verify(): Promise<void> {
  assert(isRight(await call()));
}

playRounds(verify, () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}).finally(() => {
  // process.exit() would wait for libuv threads that wait for a KDC. silent-kdc.ts measures that wait.
  process.kill(process.pid, 'SIGKILL');
});
