// Verifications per second, for several numbers of calls at once and several delays of the KDC.

import type { Realm } from 'kpass/testing';
import type { Bench, Scenario } from '../bench';
import { IN_NODE } from '../callers';
import { type Row, ratio, type Subject } from '../figures';
import { figuresOf, interleave, Loop, type Results } from '../loops';
import { Network } from '../network';

const CELLS = [0, 5, 50].flatMap((delay) =>
  [1, 4, 64, 512].map((concurrency) => ({ delay, concurrency })),
);
const QUICK = [{ delay: 50, concurrency: 64 }];

export const throughput: Scenario = async function* ({ realm, subjects, quick }) {
  await using network = await Network.start(realm);
  const config = await realm.writeConfig({ kdcs: [network.kdc] });
  for (const { delay, concurrency } of quick ? QUICK : CELLS) {
    await network.delay(delay);
    const results = await interleave(subjects, quick ? 1 : 3, async (subject) => {
      await using loop = await Loop.start(realm, subject, config);
      return await load(loop, concurrency);
    });
    const what = `verifications, ${concurrency} at once, KDC ${delay} ms late`;
    const figures = figuresOf(results, (its) => its.rate);
    const failed = sums(results);
    yield { id: `throughput-${concurrency}-${delay}`, what, unit: 'per s', figures, failed };
    if (concurrency !== 64 || delay !== 50) continue;
    yield await withThreads(realm, config, concurrency, quick);
    yield {
      id: 'throughput-ratio',
      what: `${what}: kpass over npm kerberos`,
      unit: '×',
      value: ratio(figures.kpass, figures['npm kerberos']),
      least: 7,
    };
  }
};

/** The subjects in Node.js with one thread for each call, instead of their defaults. */
async function withThreads(
  realm: Realm,
  config: string,
  threads: number,
  quick: Bench['quick'],
): Promise<Row> {
  const results = await interleave(IN_NODE, quick ? 1 : 3, async (subject) => {
    await using loop = await Loop.start(realm, subject, config, threads);
    return await load(loop, threads);
  });
  const figures = figuresOf(results, (its) => its.rate);
  return { id: `threads-${threads}`, what: `the same, ${threads} threads`, unit: 'per s', figures };
}

interface Load {
  rate: number;
  failed: number;
}

/** Counts the calls that end in the second part of the round: the first part is the start. */
async function load(loop: Loop, concurrency: number): Promise<Load> {
  // Hundreds of calls at once start and end in waves. A wave lasts a second or more.
  const [from, to] = concurrency > 100 ? [1_000, 5_000] : [500, 1_500];
  const { calls, failed } = await loop.round({ concurrency, calls: 100_000, ms: to });
  const ended = calls.filter(([, end]) => end > from && end <= to);
  return { rate: ended.length / ((to - from) / 1_000), failed };
}

function sums(results: Map<Subject, Results<Load>>): Partial<Record<Subject, number>> {
  return Object.fromEntries(
    [...results].flatMap(([subject, its]) => {
      const sum = typeof its === 'string' ? 0 : its.reduce((sum, { failed }) => sum + failed, 0);
      return sum > 0 ? [[subject, sum]] : [];
    }),
  );
}
