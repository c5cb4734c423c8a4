// A silent KDC. Measures its effect on the rest of a Node.js process, the time of the exit, the
// precision of deadlines, the recovery, and the memory and cost of pending calls.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Realm } from 'kpass/testing';
import type { Bench, Scenario } from '../bench';
import { IN_NODE, type InNode, SERVICE } from '../callers';
import { type Figures, medianOf, quantile, type Row } from '../figures';
import {
  type Bystanders,
  type Memory,
  PATIENCE,
  PENDING,
  type Silence,
  type Task,
} from '../inside';
import { figuresOf, interleave } from '../loops';
import { Network } from '../network';

export const silentKdc: Scenario = async function* ({ realm, quick }) {
  await using network = await Network.start(realm);
  const config = await realm.writeConfig({ kdcs: [network.kdc] });
  const inside: Inside = (subject, task, number) =>
    runInside(realm, config, network, subject, task, number);
  for (const part of [bystanders, exits, deadlines, memory, cost]) {
    await network.silence();
    yield* part(inside, quick);
  }
};

type Inside = <T>(
  subject: InNode,
  task: Task,
  number: number,
) => Promise<{ result: T; endedIn: number }>;
type Part = (inside: Inside, quick: Bench['quick']) => ReturnType<Scenario>;

const OWN = ['kpass', 'kpass on libkrb5'] as const;

const bystanders: Part = async function* (inside, quick) {
  for (const calls of quick ? [4] : [4, 64]) {
    const results = await interleave(IN_NODE, quick ? 1 : 3, async (subject) => {
      type Both = Record<'idle' | 'busy', Bystanders>;
      const { result } = await inside<Both>(subject, 'bystanders', calls);
      return result;
    });
    for (const name of ['readFile', 'eventLoop'] as const) {
      const what = name === 'readFile' ? 'fs.readFile, p99' : 'event loop late, p99';
      const row = (id: string, load: string, figures: Figures): Row => ({
        id: `${name}-${id}`,
        what: `${what}, ${load}`,
        unit: 'ms',
        figures,
        limit: PATIENCE,
      });
      const idle = figuresOf(results, (its) => quantile(its.idle[name], 0.99));
      const busy = figuresOf(results, (its) => quantile(its.busy[name], 0.99));
      yield row(`idle-${calls}`, 'idle', idle);
      yield row(`busy-${calls}`, `${calls} calls, KDC silent`, busy);
      if (name !== 'readFile') continue;
      yield {
        id: `readFile-added-${calls}`,
        what: `${what}, ${calls} calls, KDC silent: over the idle one`,
        unit: 'ms',
        value: medianOf(busy, 'kpass') - medianOf(idle, 'kpass'),
        most: 2,
      };
    }
  }
};

const exits: Part = async function* (inside, quick) {
  for (const calls of quick ? [64] : [4, 64]) {
    const results = await interleave(IN_NODE, quick ? 1 : 3, (subject) =>
      inside<number>(subject, 'exit', calls),
    );
    const what = `process.exit(), ${calls} calls, KDC silent`;
    const figures = figuresOf(results, (its) => its.endedIn);
    const value = medianOf(figures, 'kpass');
    yield { id: `exit-${calls}`, what, unit: 'ms', figures, limit: PATIENCE };
    yield { id: `exit-${calls}-most`, what, unit: 'ms', value, most: 50 };
  }
};

const deadlines: Part = async function* (inside, quick) {
  const results = await interleave(OWN, quick ? 1 : 3, async (subject) => {
    const { result } = await inside<Silence>(subject, 'silence', 1_000);
    return result;
  });
  const parts = [
    ['late', '1,000 calls rejected: the last, late by', 50],
    ['held', '1,000 calls: last thread free, late by', 50],
    ['anew', 'KDC back: a new call verified after', 100],
    ['firstPending', `KDC back: first of ${PENDING} pending after`, 100],
    ['lastPending', `KDC back: last of ${PENDING} pending after`, undefined],
  ] as const;
  for (const [id, what, most] of parts) {
    const own = figuresOf(results, (its) => its[id]);
    const figures: Figures = { ...own, 'npm kerberos': 'no deadlines' };
    yield { id, what, unit: 'ms', figures, limit: PATIENCE };
    if (most === undefined) continue;
    yield { id: `${id}-most`, what, unit: 'ms', value: medianOf(figures, 'kpass'), most };
  }
};

const memory: Part = async function* (inside, quick) {
  for (const calls of quick ? [10_000] : [10, 1_000, 10_000]) {
    const results = await interleave(IN_NODE, quick ? 1 : 3, async (subject) => {
      const { result } = await inside<Memory>(subject, 'memory', calls);
      return result;
    });
    const what = `memory of a pending call, ${calls} of them`;
    const figures = figuresOf(results, (its) => its.call);
    const value = medianOf(figures, 'kpass');
    yield { id: `memory-${calls}`, what, unit: 'bytes', figures };
    // Ten calls use less memory than the process gains and loses by chance.
    if (calls > 10) yield { id: `memory-${calls}-most`, what, unit: 'bytes', value, most: 2_048 };
    if (calls < 10_000) continue;
    const threads = figuresOf(results, (its) => its.thread);
    yield { id: 'memory-thread', what: 'memory of a thread', unit: 'bytes', figures: threads };
    const all = 'memory of 10,000 pending calls';
    yield { id: 'memory-all', what: all, unit: 'MB', value: (value * calls) / 1e6, most: 20 };
  }
};

const cost: Part = async function* (inside, quick) {
  const costs: number[] = [];
  for (const waiting of quick ? [10, 10_000] : [10, 1_000, 10_000]) {
    const results = await interleave(OWN, 3, async (subject) => {
      const { result } = await inside<number>(subject, 'cost', waiting);
      return result;
    });
    const what = `a call made and aborted, ${waiting} pending`;
    const own = figuresOf(results, (its) => its);
    const figures: Figures = { ...own, 'npm kerberos': 'no abort' };
    costs.push(medianOf(figures, 'kpass'));
    yield { id: `cost-${waiting}`, what, unit: 'µs', figures };
  }
  yield {
    id: 'cost-flat',
    what: 'a call made and aborted, 10,000 pending: over 10 pending',
    unit: '×',
    value: (costs.at(-1) ?? Number.NaN) / (costs[0] ?? Number.NaN),
    most: 1.5,
  };
};

/**
 * The result, and the ms from the result to the end of the process. A process that does not end is
 * killed.
 */
async function runInside<T>(
  realm: Realm,
  config: string,
  network: Network,
  subject: InNode,
  task: Task,
  number: number,
): Promise<{ result: T; endedIn: number }> {
  const child = fork(join(__dirname, '../inside.ts'), [subject, task, String(number)], {
    execArgv: ['--import', 'tsx', '--expose-gc'],
    env: { ...process.env, KRB5_CONFIG: config, KEYTAB: realm.keytab(SERVICE) },
  });
  const exit = once(child, 'exit');
  let result: T | undefined;
  child.on('message', async (message: { network?: 'silent' | 'back'; result?: T }) => {
    if (message.network === undefined) {
      result = message.result;
      setTimeout(() => child.kill('SIGKILL'), task === 'exit' ? PATIENCE : 0).unref();
      return;
    }
    await (message.network === 'back' ? network.delay(0) : network.silence());
    child.send('done');
  });
  await exit;
  if (result === undefined) throw new Error(`${task} ended without a result`);
  return { result, endedIn: Date.now() - Number(result) };
}
