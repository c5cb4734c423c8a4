// The first KDCs in krb5.conf are dead: they are silent, or their ports refuse. Measures the first call
// of a process, and the median of its later calls.

import type { Realm } from 'kpass/testing';
import type { Bench, Scenario } from '../bench';
import { median, medianOf, ratio, type Subject } from '../figures';
import { again, figuresOf, Loop, type Results } from '../loops';
import { Network } from '../network';

const WAYS = [
  { id: 'healthy', what: 'one KDC, healthy', dead: 0, silent: false },
  { id: 'silent-1', what: 'first of two KDCs silent', dead: 1, silent: true },
  { id: 'silent-2', what: 'two of three KDCs silent', dead: 2, silent: true },
  { id: 'refusing-1', what: 'first of two KDCs refuses', dead: 1, silent: false },
  { id: 'refusing-2', what: 'two of three KDCs refuse', dead: 2, silent: false },
];
const QUICK = ['healthy', 'silent-1'];
/** No program listens on these ports. */
const REFUSING = ['127.0.0.1:1', '127.0.0.1:2'];

interface Case {
  id: string;
  subject: Subject;
  config: string;
  /** Whether the subject waits nearly all of the time, and so uses hardly any CPU. */
  waits: boolean;
  results?: Results<Calls>;
}

interface Calls {
  first: number;
  after: number;
}

export const deadKdcs: Scenario = async function* (bench) {
  await using one = await silentKdc(bench.realm);
  await using other = await silentKdc(bench.realm);
  const ways = WAYS.filter(({ id }) => !bench.quick || QUICK.includes(id));
  const cases = await casesOf(bench, ways, [one.kdc, other.kdc]);
  await measure(bench, cases);

  const figures = (id: string, part: keyof Calls) => {
    const its = cases.filter((each) => each.id === id);
    const results = new Map(its.map(({ subject, results = [] }) => [subject, results]));
    return figuresOf(results, (calls) => calls[part]);
  };
  const healthy = { first: figures('healthy', 'first'), after: figures('healthy', 'after') };
  for (const { id, what, dead } of ways) {
    const [first, after] = [figures(id, 'first'), figures(id, 'after')];
    yield { id: `${id}-first`, what: `${what}: first call`, unit: 'ms', figures: first };
    yield { id: `${id}-after`, what: `${what}: median after`, unit: 'ms', figures: after };
    if (dead === 0) continue;
    yield {
      id: `${id}-first-added`,
      what: `${what}: first call, over the healthy one`,
      unit: 'ms',
      value: medianOf(first, 'kpass') - medianOf(healthy.first, 'kpass'),
      most: 300,
    };
    yield {
      id: `${id}-after-ratio`,
      what: `${what}: median after, over the healthy one`,
      unit: '×',
      value: ratio(after.kpass, healthy.after.kpass),
      most: 1.3,
    };
  }
};

async function silentKdc(realm: Realm): Promise<Network> {
  const network = await Network.start(realm);
  await network.silence();
  return network;
}

async function casesOf(
  { realm, subjects }: Bench,
  ways: typeof WAYS,
  silentKdcs: readonly string[],
): Promise<Case[]> {
  const cases: Case[] = [];
  for (const { id, dead, silent } of ways) {
    const kdcs = (silent ? silentKdcs : REFUSING).slice(0, dead);
    const config = await realm.writeConfig({ kdcs: [...kdcs, `127.0.0.1:${realm.port}`] });
    for (const subject of subjects) {
      cases.push({ id, subject, config, waits: silent && subject !== 'kpass' });
    }
  }
  return cases;
}

/** Measures the cases one after the other; those that wait for seconds run all at once. */
async function measure({ realm, quick }: Bench, cases: Case[]): Promise<void> {
  const once = async (its: Case) => {
    its.results = await again(its.subject, its.results, async () => {
      await using loop = await Loop.start(realm, its.subject, its.config);
      return await firstAndAfter(loop);
    });
  };
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    for (const its of cases.filter(({ waits }) => !waits)) await once(its);
    await Promise.all(cases.filter(({ waits }) => waits).map(once));
  }
}

/** Makes calls one after the other, for about three seconds, but at least two after the first. */
async function firstAndAfter(loop: Loop): Promise<Calls> {
  const [first = Number.NaN] = durations(await loop.round({}));
  const calls = Math.round(Math.min(40, Math.max(2, 3_000 / first)));
  return { first, after: median(durations(await loop.round({ calls }))) };
}

function durations({ calls }: Awaited<ReturnType<Loop['round']>>): number[] {
  return calls.map(([start, end]) => end - start);
}
