// A silent KDC delays no call beyond its deadline. With transport: 'libkrb5', the KDC can hold a
// thread, but it delays no other call. The bounds here are wide; `npm run bench` measures exactly.

import assert from 'node:assert/strict';
import { pbkdf2 } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { mock } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../support/fault-proxy';
import { libkrb5Has } from '../support/libkrb5';
import { failureOf, kpassIn, verifierFor } from '../support/subject';

const SLOW = Number(process.env.KPASS_SLOW ?? 1);
const SLACK = 1_000 * SLOW;
/** ms. Long enough for a thread to have asked the KDC. */
const TIMEOUT = 300 * SLOW;

describe('a call to a silent KDC', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    proxy = await FaultProxy.start(realm);
  });
  after(async () => {
    await proxy?.stop();
    await realm?.stop();
  });
  beforeEach(() => proxy.use('silent'));

  async function elapsed(task: () => Promise<unknown>): Promise<number> {
    const start = performance.now();
    await task();
    return performance.now() - start;
  }

  it('ends with ERR_KPASS_TIMEOUT at the deadline', async () => {
    const ms = await elapsed(async () => {
      const { config } = proxy;
      const error = await failureOf(
        kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config, timeout: TIMEOUT }),
      );
      assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
      assert.match(error.message, /HTTP\/localhost@EXAMPLE\.COM/);
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${proxy.port}`));
    });
    assert(ms > TIMEOUT - 10 && ms < TIMEOUT + SLACK, `${ms} ms`);
  });

  it('ends under mocked timers as well', async () => {
    const verifier = verifierFor(realm, { config: proxy.config, timeout: 100 });
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      assert.equal((await failureOf(verifier.verify('alice', 'x'))).code, 'ERR_KPASS_TIMEOUT');
    } finally {
      mock.timers.reset();
    }
  });

  it("ends at its own timeout rather than the verifier's", async () => {
    const verifier = verifierFor(realm, { config: proxy.config, timeout: 60_000 });
    const error = await failureOf(verifier.verify('alice', 'wonderland', { timeout: 100 }));
    assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
  });

  it('has its whole timeout, even while the timer of an earlier call runs', async () => {
    const verifier = verifierFor(realm, { config: proxy.config, timeout: 500 });
    await proxy.use('pass');
    assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
    await proxy.use('silent');
    await sleep(300);
    const ms = await elapsed(() => failureOf(verifier.verify('alice', 'x')));
    assert(ms > 490 && ms < 500 + SLACK, `${ms} ms`);
  });

  it('ends at its own deadline, and in order, among calls with many other timeouts', async () => {
    const verifier = verifierFor(realm, { config: proxy.config });
    const timeouts = Array.from({ length: 20 }, (_, i) => 100 + 100 * ((i * 7) % 20));
    const ended: number[] = [];
    await Promise.all(
      timeouts.map(async (timeout) => {
        const due = performance.now() + timeout;
        const ms = await elapsed(() => failureOf(verifier.verify('alice', 'x', { timeout })));
        assert(ms > timeout - 10 && ms < timeout + SLACK, `${ms} ms of ${timeout}`);
        ended.push(due);
      }),
    );
    assert.deepEqual(
      ended,
      ended.toSorted((a, b) => a - b),
    );
  });

  it('leaves fs, dns and crypto unharmed, with 64 in flight', async () => {
    const verifier = verifierFor(realm, { config: proxy.config, timeout: 2_000, threads: 64 });
    const calls = Array.from({ length: 64 }, () => failureOf(verifier.verify('alice', 'x')));
    await sleep(200);
    assert.equal(verifier.stats.active, 64);
    const hash = promisify(pbkdf2);
    for (let round = 0; round < 5; round++) {
      assert((await elapsed(() => readFile(__filename))) < SLACK);
      assert((await elapsed(() => lookup('localhost'))) < SLACK);
      assert((await elapsed(() => hash('x', 'y', 1_000, 32, 'sha256'))) < SLACK);
    }
    assert.equal(verifier.stats.active, 64);
    for (const error of await Promise.all(calls)) assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
  });

  it('counts its time in the queue toward the deadline', async () => {
    const verifier = verifierFor(realm, { config: proxy.config, timeout: 300, threads: 1 });
    const ms = await elapsed(() =>
      Promise.all(
        Array.from({ length: 10 }, async () => {
          const error = await failureOf(verifier.verify('alice', 'x'));
          assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
        }),
      ),
    );
    assert(ms < 300 + SLACK, `${ms} ms`);
  });

  for (const transport of ['kpass', 'libkrb5'] as const) {
    for (const [where, more] of [
      ['by UDP', ''],
      ['by TCP', '  udp_preference_limit = 1'],
      ['with a later request_timeout', '  udp_preference_limit = 1\n  request_timeout = 20s'],
    ]) {
      it(`ends at the deadline, ${where}, with ${transport} for a transport`, async () => {
        const kdcs = [`127.0.0.1:${proxy.port}`];
        const config = await realm.writeConfig({ kdcs, more: `[libdefaults]\n${more}` });
        const verifier = verifierFor(realm, { config, timeout: 300, transport });
        const ms = await elapsed(async () => {
          const error = await failureOf(verifier.verify('alice', 'wonderland'));
          assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
        });
        assert(ms > 290 && ms < 300 + SLACK, `${ms} ms`);
      });
    }

    it(`ends at krb5.conf's request_timeout, if transport ${transport} knows of it`, async () => {
      const config = await realm.writeConfig({
        kdcs: [`127.0.0.1:${proxy.port}`],
        more: '[libdefaults]\n  request_timeout = 1s\n  udp_preference_limit = 1',
      });
      const verifier = verifierFor(realm, { config, timeout: 4_000, transport });
      const error = await failureOf(verifier.verify('alice', 'wonderland'));
      const knows = transport === 'kpass' || libkrb5Has('request_timeout');
      assert.equal(error.code, knows ? 'ERR_KPASS_KDC' : 'ERR_KPASS_TIMEOUT');
    });
  }

  it('is given up by libkrb5 itself, without a request_timeout in krb5.conf', async function () {
    this.timeout(90_000);
    const config = await realm.writeConfig({
      kdcs: [`127.0.0.1:${proxy.port}`],
      more: '[libdefaults]\n  udp_preference_limit = 1',
    });
    const verifier = verifierFor(realm, { config, timeout: 60_000, transport: 'libkrb5' });
    assert.equal((await failureOf(verifier.verify('alice', 'x'))).code, 'ERR_KPASS_KDC');
  });

  it('leaves its thread free after the deadline', async () => {
    const verifier = verifierFor(realm, { config: proxy.config, timeout: 200, threads: 8 });
    await Promise.all(
      Array.from({ length: 40 }, () => failureOf(verifier.verify('alice', 'wonderland'))),
    );
    await until(() => verifier.stats.stalled === 0);
    const { active, queued } = verifier.stats;
    assert.deepEqual({ active, queued }, { active: 0, queued: 0 });
    await proxy.use('pass');
    assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
  });

  it('gives up its place to the next call at once, if libkrb5 holds the thread', async () => {
    const { config } = proxy;
    const verifier = verifierFor(realm, { config, timeout: 200, threads: 1, transport: 'libkrb5' });
    await failureOf(verifier.verify('alice', 'wonderland'));
    const { active, stalled, queued, threads } = verifier.stats;
    assert.deepEqual(
      { active, stalled, queued, threads },
      {
        active: 0,
        stalled: 1,
        queued: 0,
        threads: 1,
      },
    );
    await proxy.use('pass');
    const verdict = await verifier.verify('alice', 'wonderland', { timeout: 5_000 });
    assert.equal(verdict.verified, true);
  });

  it('waits for a thread if `threads` of them are stalled already', async () => {
    const verifier = verifierFor(realm, {
      config: proxy.config,
      timeout: 100,
      threads: 2,
      queue: 8,
      transport: 'libkrb5',
    });
    for (let i = 0; i < 8; i++) await failureOf(verifier.verify('alice', 'x'));
    assert(verifier.stats.threads <= 4, JSON.stringify(verifier.stats));
    assert.equal(verifier.stats.queued, 0);
  });

  it("rejects with the signal's reason when it is aborted, before or during", async () => {
    const reason = new Error('the browser has gone');
    const { config } = proxy;
    const early = AbortSignal.abort(reason);
    await assert.rejects(
      kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config, signal: early }),
      reason,
    );
    const controller = new AbortController();
    const call = verifierFor(realm, { config }).verify('alice', 'wonderland', {
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(reason), 50);
    const ms = await elapsed(() => assert.rejects(call, reason));
    assert(ms < SLACK, `${ms} ms`);
  });

  it('ends with many others by one signal, without a warning of too many listeners', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const verifier = verifierFor(realm, { config: proxy.config });
    const warned = once(process, 'warning').then(([warning]) => warning);
    const calls = Array.from({ length: 50 }, () => verifier.verify('alice', 'x', { signal }));
    controller.abort();
    const ends = await Promise.allSettled(calls);
    assert(ends.every((end) => end.status === 'rejected' && end.reason.name === 'AbortError'));
    assert.equal(await Promise.race([warned, sleep(50)]), undefined);
  });

  it('keeps its verdict when it is aborted afterwards', async () => {
    await proxy.use('pass');
    const controller = new AbortController();
    const verdict = await verifierFor(realm).verify('alice', 'wonderland', {
      signal: controller.signal,
    });
    controller.abort();
    assert.equal(verdict.verified, true);
  });

  it('sends no further message after an abort', async () => {
    // This test has a proxy of its own: calls stalled by other tests still send to the shared one.
    const slow = await FaultProxy.start(realm);
    try {
      await slow.use({ delay: 300 });
      const controller = new AbortController();
      // Without armor: its own login would be another message.
      const call = verifierFor(realm, { config: slow.config, fast: 'never' }).verify(
        'alice',
        'wonderland',
        {
          signal: controller.signal,
        },
      );
      while (slow.log.length === 0) await sleep(5);
      controller.abort();
      await assert.rejects(call, { name: 'AbortError' });
      await sleep(800);
      assert.equal(slow.log.length, 1, 'no second message, with the proof of the password');
    } finally {
      await slow.stop();
    }
  });
});

/** Waits for a condition, as long as a slow machine may take. */
async function until(holds: () => boolean): Promise<void> {
  const start = performance.now();
  while (!holds()) {
    assert(performance.now() - start < SLACK, 'in vain');
    await sleep(1);
  }
}
