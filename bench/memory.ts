// What a call costs that waits: many, queued behind a KDC that never answers.

import { Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../test/support/fault-proxy';

const CALLS = 20_000;

export async function measureMemory(): Promise<Record<string, Record<string, string | number>>> {
  if (globalThis.gc === undefined) throw new Error('needs node --expose-gc');
  await using realm = await Realm.start({ users: { alice: 'wonderland' } });
  const proxy = await FaultProxy.start(realm);
  await proxy.use('silent');
  const verifier = new Verifier({
    service: 'HTTP',
    host: 'localhost',
    keytab: realm.keytab('HTTP/localhost'),
    config: proxy.config,
    threads: 1,
    queue: 2 * CALLS,
    timeout: 600_000,
  });
  const pending: Promise<unknown>[] = [];
  const submit = (count: number) => {
    for (let i = 0; i < count; i++)
      pending.push(verifier.verify('alice', 'wonderland').catch(() => {}));
  };
  submit(1000); // what is there once
  const before = measure();
  submit(CALLS);
  const after = measure();
  const perCall = (name: 'rss' | 'heapUsed') => Math.round((after[name] - before[name]) / CALLS);
  await proxy.stop();
  return {
    'waiting call, memory': { kpass: `${perCall('rss')} bytes`, 'must be': '< 2048' },
    'of it, JavaScript heap': { kpass: `${perCall('heapUsed')} bytes` },
  };
}

function measure(): NodeJS.MemoryUsage {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return process.memoryUsage();
}
