// What a silent KDC costs: how late deadlines are with 64 calls in flight, how long the rest of the
// process waits meanwhile, and how long it takes to end.

import { pbkdf2 } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { prelude, runProgram } from '../test/support/child';
import { FaultProxy } from '../test/support/fault-proxy';
import { verifierFor } from '../test/support/subject';

const CALLS = 64;
const TIMEOUT = 1_000;
const ROUNDS = 5;

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

async function main(): Promise<void> {
  await using realm = await Realm.start({ users: { alice: 'wonderland' } });
  await using proxy = await FaultProxy.start(realm);
  await proxy.use('silent');
  const figures: Record<string, number[]> = {};
  const note = (name: string, ms: number) => {
    figures[name] ??= [];
    figures[name].push(ms);
  };

  for (let round = 0; round < ROUNDS; round++) {
    await deadlines(realm, proxy.config, note);
    await endings(realm, proxy.config, note);
  }

  const rows = Object.entries(figures).map(([name, ms]) => [
    name,
    { median: Number(median(ms).toFixed(1)), max: Number(Math.max(...ms).toFixed(1)) },
  ]);
  console.log(`a silent KDC, ${CALLS} calls in flight (ms)`);
  console.table(Object.fromEntries(rows));
}

type Note = (name: string, ms: number) => void;

async function deadlines(realm: Realm, config: string, note: Note): Promise<void> {
  const verifier = verifierFor(realm, { config, timeout: TIMEOUT, threads: CALLS });
  const start = performance.now();
  const calls = Array.from({ length: CALLS }, () =>
    verifier.verify('alice', 'wonderland').then(
      () => process.exit(1),
      () => note('past the deadline', performance.now() - start - TIMEOUT),
    ),
  );
  const hash = promisify(pbkdf2);
  while (performance.now() - start < TIMEOUT - 100) {
    await time('fs.readFile', note, () => readFile(__filename));
    await time('dns.lookup', note, () => lookup('localhost'));
    await time('crypto.pbkdf2', note, () => hash('x', 'y', 1_000, 32, 'sha256'));
  }
  await Promise.all(calls);
}

async function endings(realm: Realm, config: string, note: Note): Promise<void> {
  const calls = `
    for (let i = 0; i < ${CALLS}; i++) kpass('alice', 'x', 'HTTP', 'localhost', keytab, { config });`;
  const exit = `${calls} setTimeout(() => { ending(); process.exit(0); }, 200);`;
  note('process.exit()', (await runProgram(realm, exit, config)).endedIn);

  const worker = `${prelude}${calls} parentPort.postMessage('started');`;
  const terminate = `
    const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
    worker.once('message', async () => {
      const start = performance.now();
      await worker.terminate();
      console.log('took ' + (performance.now() - start));
    });`;
  const { stdout } = await runProgram(realm, terminate, config);
  note('worker.terminate()', Number(/took (.*)/.exec(stdout)?.[1]));
}

async function time(name: string, note: Note, task: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await task();
  note(name, performance.now() - start);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
