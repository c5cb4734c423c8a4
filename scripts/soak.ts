// Runs N verifications, of every outcome, in a realm of its own. Then it prints the growth of the
// process: resident memory, file descriptors, threads. It exits with 1 if the process has grown by
// more than MAX_DRIFT, or if a single verification had a wrong outcome.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { kpass, Verifier } from 'kpass';
import { Realm } from 'kpass/testing';

const MAX_DRIFT = { rss: 2 * 1024 ** 2, fds: 0, threads: 0 };

const N = Number(process.argv[2] ?? 100_000);
assert(N > 0, 'usage: scripts/soak [verifications]');
/** The first verifications make the allocator's arenas, V8's heap and its compiled code grow. */
const WARM_UP = Math.max(20_000, N / 5);
const AT_ONCE = 32;
/** In ms. libkrb5 waits 18 s for a silent KDC, and an idle thread stays for 5 s. */
const SETTLED_WITHIN = 60_000;

const SERVICE = 'HTTP/localhost';

type Kind = [
  share: number,
  name: string,
  expected: string | RegExp,
  verify: () => Promise<unknown>,
];

/** The process's threads before kpass starts any. */
const THREADS = momentary().threads;

process.exitCode = 1;
main().catch((error: unknown) => console.error(error));

async function main(): Promise<void> {
  const disabled = { password: 'x', state: 'disabled' } as const;
  await using realm = await Realm.start({ users: { alice: 'wonderland', disabled } });
  await using impostor = await realm.impostor({ users: { alice: 'hijacked' } });
  // A KDC that never replies.
  const mute = createSocket('udp4').bind(0, '127.0.0.1');
  await once(mute, 'listening');
  mute.unref();
  const muteConfig = await realm.writeConfig({ kdcs: [`127.0.0.1:${mute.address().port}`] });

  const kinds = kindsOf(realm, impostor, muteConfig);
  console.log(`soak: ${WARM_UP} verifications to warm up, then ${N}`);
  await verifyMany(kinds, WARM_UP);
  const before = await measure();
  report('before', before);

  const start = performance.now();
  const counts = new Map<string, number>();
  for (let tenth = 0; tenth < 10; tenth++) {
    await verifyMany(kinds, Math.ceil(N / 10), counts);
    if (tenth < 9) report(`${(tenth + 1) * 10} %`, momentary());
  }
  const seconds = (performance.now() - start) / 1000;
  const after = await measure();
  report('after', after);

  for (const [name, count] of counts) console.log(`  ${String(count).padStart(8)} ${name}`);
  console.log(`  in ${seconds.toFixed(0)} s: ${(N / seconds).toFixed(0)} a second`);
  let holds = true;
  for (const what of ['rss', 'fds', 'threads'] as const) {
    const drift = after[what] - before[what];
    const fits = drift <= MAX_DRIFT[what];
    holds &&= fits;
    const shown = what === 'rss' ? `${(drift / 1024 ** 2).toFixed(2)} MB` : drift;
    console.log(`${fits ? '✓' : '✗'} ${what}: ${drift >= 0 ? '+' : ''}${shown}`);
  }
  process.exitCode = holds ? 0 : 1;
}

/** The kinds of verifications, each with its expected outcome and its share in a thousand. */
function kindsOf(realm: Realm, impostor: Realm, muteConfig: string): Kind[] {
  const options = { service: 'HTTP', host: 'localhost', config: realm.config };
  const keytab = realm.keytab(SERVICE);
  const verifier = new Verifier({ ...options, keytab });
  const byTgt = new Verifier({ ...options, keytab, canonicalize: true });
  const keyless = new Verifier({ ...options, keytab: '/nonexistent' });
  const deceived = new Verifier({ ...options, keytab, config: impostor.config });
  const waiting = new Verifier({ ...options, keytab, config: muteConfig, threads: 4, queue: 8 });
  const call = (user: string, password: string | Uint8Array, signal?: AbortSignal) => {
    const more = { config: realm.config, ...(signal && { signal }) };
    return kpass(user, password, 'HTTP', 'localhost', keytab, more);
  };
  const bytes = new TextEncoder().encode('wonderland');
  return [
    [250, 'right, kpass()', 'true', () => call('alice', 'wonderland')],
    [200, 'right, a Verifier', 'true', () => verifier.verify('alice', bytes)],
    [50, 'right, by way of a TGT', 'true', () => byTgt.verify('alice', 'wonderland')],
    [150, 'wrong, kpass()', 'false', () => call('alice', 'wrong')],
    [120, 'wrong, a Verifier', 'false', () => verifier.verify('alice', 'wrong')],
    [60, 'unknown user', 'false', () => verifier.verify('nobody', 'wonderland')],
    [50, 'bad input', 'false', () => call('alice', 'wonder\0land')],
    [40, 'disabled', 'ERR_KPASS_ACCOUNT', () => call('disabled', 'x')],
    [40, 'no keytab', 'ERR_KPASS_KEYTAB', () => keyless.verify('alice', 'wonderland')],
    [20, 'impostor', 'ERR_KPASS_UNVERIFIED', () => deceived.verify('alice', 'hijacked')],
    [
      19,
      'aborted',
      /^(AbortError|false)$/,
      () => aborted((signal) => call('alice', 'wrong', signal)),
    ],
    [
      1,
      'silent KDC',
      'ERR_KPASS_TIMEOUT',
      () => waiting.verify('alice', 'wonderland', { timeout: 50 }),
    ],
  ];
}

/** Aborts at once, or one turn of the event loop later. By then the verdict may have come. */
async function aborted(verify: (signal: AbortSignal) => Promise<unknown>): Promise<unknown> {
  const controller = new AbortController();
  const verdict = verify(controller.signal);
  if (Math.random() < 0.5) setImmediate(() => controller.abort());
  else controller.abort();
  return verdict;
}

/** Runs `total` verifications, `AT_ONCE` at a time. */
async function verifyMany(kinds: Kind[], total: number, counts = new Map<string, number>()) {
  const lots = kinds.flatMap((kind) => Array<Kind>(kind[0]).fill(kind));
  let started = 0;
  const hand = async () => {
    while (started++ < total) {
      const kind = lots[Math.floor(Math.random() * lots.length)] as Kind;
      const [, name, expected, verify] = kind;
      const outcome = await verify().then(
        (value) =>
          String(typeof value === 'boolean' ? value : (value as { verified: boolean }).verified),
        (error) => (error.code === 20 ? error.name : error.code),
      );
      const meant = typeof expected === 'string' ? outcome === expected : expected.test(outcome);
      assert(meant, `${name}: ${outcome}`);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, hand));
}

interface Size {
  /** bytes */
  rss: number;
  fds: number;
  threads: number;
}

function momentary(): Size {
  return {
    rss: process.memoryUsage.rss(),
    fds: readdirSync('/proc/self/fd').length,
    threads: Number(/^Threads:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]),
  };
}

/** The size at rest: the threads have ended, and garbage collection frees nothing more. */
async function measure(): Promise<Size> {
  const start = performance.now();
  while (momentary().threads > THREADS && performance.now() - start < SETTLED_WITHIN) {
    await sleep(250);
  }
  let size = momentary();
  for (let still = 0; still < 5; ) {
    globalThis.gc?.();
    await sleep(100);
    const now = momentary();
    still = now.rss < size.rss ? 0 : still + 1;
    if (now.rss < size.rss) size = now;
  }
  return { ...momentary(), rss: size.rss };
}

function report(when: string, { rss, fds, threads }: Size): void {
  const megabytes = (rss / 1024 ** 2).toFixed(2);
  const heap = (process.memoryUsage().heapTotal / 1024 ** 2).toFixed(2);
  console.log(
    `${when.padStart(6)}: RSS ${megabytes} MB (V8's heap ${heap}), ${fds} fds, ${threads} threads`,
  );
}
