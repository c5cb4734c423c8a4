// CPU time of one verification, all threads of the process included: kpass against a bare C loop
// that makes the same two calls. Rounds alternate, for a machine's speed changes; medians count.
// Then the messages of one login, counted.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../test/support/fault-proxy';

const ROUNDS = Number(process.env.ROUNDS ?? 51);
const COUNT = 40;
const THREADS = [1, 8];
const PASSWORD = 'wonderland';

export async function measureCpu(): Promise<Record<string, Record<string, string | number>>> {
  await using realm = await Realm.start({ users: { alice: PASSWORD } });
  const table: Record<string, Record<string, string | number>> = {};
  for (const threads of THREADS) {
    const c = startLoop(realm, threads);
    const kpass = startKpass(realm, threads);
    await c.round();
    await kpass.round();
    const results: [number, number][] = [];
    for (let i = 0; i < ROUNDS; i++) results.push([await c.round(), await kpass.round()]);
    c.child.kill();
    kpass.child.kill();
    const ratios = results.map(([c, kpass]) => kpass / c);
    table[`CPU, ${threads} at once`] = {
      'C loop': `${median(results.map(([c]) => c)).toFixed(3)} ms`,
      kpass: `${median(results.map(([, kpass]) => kpass)).toFixed(3)} ms`,
      ratio: median(ratios).toFixed(3),
      'must be': '<= 1.10',
    };
  }
  table['messages of a login'] = { kpass: await countMessages(realm), 'must be': 2 };
  return table;
}

interface Side {
  child: ChildProcess;
  /** ms of CPU for one verification. */
  round(): Promise<number>;
}

function startLoop(realm: Realm, threads: number): Side {
  const program = join(__dirname, '../build-dev/build/loop');
  const principals = [`HTTP/localhost@${realm.name}`, `alice@${realm.name}`];
  const numbers = [String(threads), String(COUNT)];
  const keytab = realm.keytab('HTTP/localhost');
  const child = spawn(program, [realm.config, keytab, ...principals, PASSWORD, ...numbers], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout);
  return {
    child,
    async round() {
      child.stdin.write('\n');
      const [line] = await once(lines, 'line');
      return Number(line);
    },
  };
}

function startKpass(realm: Realm, threads: number): Side {
  const keytab = realm.keytab('HTTP/localhost');
  const args = [realm.config, keytab, PASSWORD, String(threads), String(COUNT)];
  const child = fork(join(__dirname, 'kpass-loop.ts'), args, { execArgv: ['--import', 'tsx'] });
  return {
    child,
    async round() {
      child.send('round');
      const [result] = await once(child, 'message');
      return Number(result);
    },
  };
}

async function countMessages(realm: Realm): Promise<number> {
  const proxy = await FaultProxy.start(realm);
  const verifier = new Verifier({
    service: 'HTTP',
    host: 'localhost',
    keytab: realm.keytab('HTTP/localhost'),
    config: proxy.config,
  });
  await verifier.verify('alice', PASSWORD);
  verifier.close();
  await proxy.stop();
  return proxy.log.length;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
