// Measurements from inside a Node.js process that makes calls. Each measurement of each subject runs in
// a new process, because calls to a silent KDC change their process for good.
//
//   inside SUBJECT TASK NUMBER
//
// It sends its result to the parent. It asks the parent to change the network (see `network`).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { type Caller, callerOf, type InNode } from './callers';
import { median } from './figures';

/** ms: the longest time that a measurement waits for anything. */
export const PATIENCE = 3_000;
const patience = () => sleep(PATIENCE + 5); // timers may be a little early

/** Few calls, because recovery of the network is measured: 32 logins at once would measure the CPU. */
export const PENDING = 8;

const ENDLESS = { timeout: 600_000 };

/** All readings, in ms; the parent computes quantiles. */
export interface Bystanders {
  readFile: number[];
  eventLoop: number[];
}

export interface Silence {
  /** ms from the deadline to the last rejection, and until no thread was held. */
  late: number;
  held: number;
  /** ms from the KDC's return to the verdict of a new call, and to those of the calls that had waited. */
  anew: number;
  firstPending: number;
  lastPending: number;
}

export interface Memory {
  /** Of the whole process, in bytes. */
  thread: number;
  call: number;
}

const TASKS = {
  async bystanders(subject: InNode, calls: number) {
    const { call } = callerOf(subject);
    const idle = await bystanders();
    start(call, calls);
    return { idle, busy: await bystanders() };
  },

  async exit(subject: InNode, calls: number) {
    start(callerOf(subject).call, calls);
    await sleep(200);
    process.send?.({ result: Date.now() }, () => process.exit());
  },

  async silence(subject: InNode, calls: number): Promise<Silence> {
    const caller = callerOf(subject);
    await network('back');
    await verify(caller);
    await network('silent');
    const lateness = await deadlines(caller, calls, 1_000);
    return { ...lateness, ...(await recovery(caller)) };
  },

  async memory(subject: InNode, calls: number): Promise<Memory> {
    const { call, threads } = callerOf(subject, { queue: 1_000_000 });
    start(call, 1); // memory that the process needs once
    await sleep(100);
    const first = memory();
    start(call, threads - 1);
    await sleep(500);
    const full = memory();
    start(call, calls);
    return { thread: (full - first) / (threads - 1), call: (memory() - full) / calls };
  },

  /** µs for a call that is made and aborted, while `waiting` other calls wait. */
  async cost(subject: InNode, waiting: number): Promise<number> {
    const { call, threads } = callerOf(subject, { queue: 1_000_000 });
    start(call, threads + waiting);
    for (let i = 0; i < 10; i++) await madeAndAborted(call);
    const costs: number[] = [];
    for (let i = 0; i < 20; i++) costs.push(await madeAndAborted(call));
    return median(costs);
  },
};

export type Task = keyof typeof TASKS;

if (require.main === module) main();

async function main(): Promise<void> {
  const [subject, task, number] = process.argv.slice(2);
  const result = await TASKS[task as Task](subject as InNode, Number(number));
  if (result !== undefined) process.send?.({ result });
}

/** Asks the parent to make the KDC silent, or to bring it back. */
async function network(wanted: 'silent' | 'back'): Promise<void> {
  const done = once(process, 'message');
  process.send?.({ network: wanted });
  await done;
}

async function verify({ call, isRight }: Caller): Promise<void> {
  assert(isRight(await call(ENDLESS)));
}

function start(call: Caller['call'], calls: number): Promise<unknown>[] {
  return Array.from({ length: calls }, () => call(ENDLESS).catch(() => {}));
}

/** Measures for a second, or longer if one reading takes longer. */
async function bystanders(): Promise<Bystanders> {
  const measured: Bystanders = { readFile: [], eventLoop: [] };
  const end = performance.now() + 1_000;
  const readings = async () => {
    while (performance.now() < end) {
      const start = performance.now();
      await Promise.race([readFile(__filename), patience()]);
      measured.readFile.push(performance.now() - start);
    }
  };
  const timers = async () => {
    while (performance.now() < end) {
      const start = performance.now();
      await sleep(1);
      measured.eventLoop.push(performance.now() - start - 1);
    }
  };
  await Promise.all([readings(), timers()]);
  return measured;
}

async function deadlines(
  { call, verifier }: Caller,
  calls: number,
  timeout: number,
): Promise<Pick<Silence, 'late' | 'held'>> {
  let late = 0;
  const rejected = Array.from({ length: calls }, async () => {
    const deadline = performance.now() + timeout;
    const code = await call({ timeout }).catch((error) => error.code);
    late = Math.max(late, performance.now() - deadline);
    assert.equal(code, 'ERR_KPASS_TIMEOUT');
  });
  const deadline = performance.now() + timeout;
  await Promise.all(rejected);
  const end = deadline + PATIENCE;
  while (verifier?.stats.stalled !== 0 && performance.now() < end) await sleep(1);
  return { late, held: performance.now() - deadline };
}

async function recovery(caller: Caller): Promise<Omit<Silence, 'late' | 'held'>> {
  const ends: number[] = [];
  const pending = Array.from({ length: PENDING }, async () => {
    await verify(caller);
    ends.push(performance.now());
  });
  await sleep(1_000);
  await network('back');
  const back = performance.now();
  await Promise.race([verify(caller), patience()]);
  const anew = performance.now() - back;
  await Promise.race([Promise.all(pending), patience()]);
  const last = ends.length < pending.length ? performance.now() : (ends.at(-1) ?? 0);
  return { anew, firstPending: (ends[0] ?? last) - back, lastPending: last - back };
}

function memory(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return process.memoryUsage().rss;
}

async function madeAndAborted(call: Caller['call']): Promise<number> {
  const CALLS = 50;
  const abort = new AbortController();
  const start = performance.now();
  const calls = Array.from({ length: CALLS }, () =>
    call({ ...ENDLESS, signal: abort.signal }).catch(() => {}),
  );
  abort.abort();
  await Promise.all(calls);
  const taken = performance.now() - start;
  await turn();
  return (taken * 1_000) / CALLS;
}
