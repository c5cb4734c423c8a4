// A subject in Node.js, in rounds. Its argument is the subject's name; a second one, the number of
// kpass's threads instead of the default.

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
  // An exit would wait for threads of libuv that a KDC holds: it is measured elsewhere.
  process.kill(process.pid, 'SIGKILL');
});
