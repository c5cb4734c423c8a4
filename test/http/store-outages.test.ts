// The throttle of kpass/http while its store is silent, dead, full, or forgets.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { KpassError, Verdict } from 'kpass';
import type { ErrorMessage, RequestError, ThrottleStore } from 'kpass/http';
import { basicAuth } from 'kpass/http';
import { redisStore } from 'kpass/redis';
import { Realm } from 'kpass/testing';
import { Throttle } from '../../lib/http/throttle';
import { RedisServer } from '../support/redis';
import { CLIENTS } from '../support/redis-clients';
import { optionsFor } from '../support/subject';
import { basic } from '../support/web';

const secret = 's'.repeat(32);
const terms = { attempts: 3, window: 1_800_000, secret };
const wrong: Verdict = { verified: false, reason: 'credentials' };
const right: Verdict = { verified: true, principal: 'alice@R', realm: 'R' };
const away = { code: 'ERR_KPASS_STORE', temporary: true };

/** The deadline of kpass, and time for a loaded machine. */
const DEADLINE = 1_000;
const SLACK = 2_000;

/** ms until the promise has an end. */
async function timed(promise: Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await promise;
  return performance.now() - begun;
}

describe('the throttle of kpass/http', () => {
  const asked: string[] = [];
  beforeEach(() => asked.splice(0));
  const ask = (name: string, verdict: Verdict) => async () => {
    asked.push(name);
    return verdict;
  };
  const neverAsk = async () => assert.fail('the KDC was asked');

  for (const [name, connect] of Object.entries(CLIENTS)) {
    it(`asks no KDC while Redis is silent, dead or back empty, through ${name}`, async () => {
      await using server = await RedisServer.start();
      const { client, close } = await connect(server.port);
      const throttle = new Throttle({ ...terms, store: redisStore(client) });
      try {
        assert.deepEqual(await throttle.verify('a', '1', ask('1', wrong)), wrong);
        await server.pause();
        const silent = assert.rejects(throttle.verify('a', '2', neverAsk), away);
        const took = await timed(silent);
        assert(took > DEADLINE / 2 && took < DEADLINE + SLACK, `${took} ms`);
        await server.resume();
        // What was granted too late has been given back: two are left.
        await until(async () => (await states(server)) === 'w');
        assert.deepEqual(await throttle.verify('a', '3', ask('3', wrong)), wrong);
        // An end that is lost with the server is one more attempt that counts until its lease is over.
        await until(async () => (await states(server)) === 'ww');

        await server.kill();
        const dead = assert.rejects(throttle.verify('a', '4', neverAsk), away);
        assert((await timed(dead)) < DEADLINE + SLACK);
        await server.restart();
        await until(() => succeeds(throttle.probe()));
        await until(async () => (await states(server)) === 'ww');
        assert.deepEqual(await throttle.verify('a', '1', neverAsk), wrong);
        assert.deepEqual(await throttle.verify('a', '5', ask('5', wrong)), wrong);
        assert.deepEqual(await throttle.verify('a', '6', neverAsk), wrong);
        assert.deepEqual(asked, ['1', '3', '5']);

        await server.command('FLUSHALL');
        await server.command('SCRIPT', 'FLUSH');
        assert.deepEqual(await throttle.verify('a', 'right', ask('right', right)), right);
        assert(throttle.stats.storeFailed >= 2);
      } finally {
        await throttle.close();
        await close();
      }
    });
  }

  it('asks no KDC while Redis is full, and counts on when it has room', async () => {
    await using server = await RedisServer.start({ options: ['--maxmemory-policy', 'noeviction'] });
    const client = new Redis(server.port);
    try {
      const throttle = new Throttle({ ...terms, store: redisStore(client) });
      await throttle.verify('a', '1', ask('1', wrong));
      await server.command('CONFIG', 'SET', 'maxmemory', '1');
      await assert.rejects(throttle.verify('b', '1', neverAsk), (error: KpassError) => {
        assert.equal(error.code, 'ERR_KPASS_STORE');
        assert.match(String(error.cause), /OOM/);
        return true;
      });
      assert.deepEqual(await throttle.verify('a', '1', neverAsk), wrong);
      await server.command('CONFIG', 'SET', 'maxmemory', '0');
      assert.deepEqual(await throttle.verify('b', '1', ask('2', wrong)), wrong);
    } finally {
      client.disconnect();
    }
  });

  it('counts what was settled while Redis was full: the reservation counts', async () => {
    await using server = await RedisServer.start({ options: ['--maxmemory-policy', 'noeviction'] });
    const client = new Redis(server.port);
    try {
      const failures: unknown[] = [];
      const listener = { throttled() {}, failed: (error: unknown) => failures.push(error) };
      const store = redisStore(client);
      const throttle = new Throttle({ ...terms, attempts: 1, store }, 100, listener);
      const verdict = throttle.verify('a', '1', async () => {
        await server.command('CONFIG', 'SET', 'maxmemory', '1');
        return wrong;
      });
      assert.deepEqual(await verdict, wrong);
      await until(async () => failures.length === 1);
      await server.command('CONFIG', 'SET', 'maxmemory', '0');
      await sleep(2_300); // The lease is the timeout, 100 ms, and 2 s.
      assert.deepEqual(await throttle.verify('a', '2', neverAsk), wrong);
    } finally {
      client.disconnect();
    }
  });

  // The reason why the documentation asks for `noeviction`.
  it('forgets what an evicting Redis forgets', async () => {
    await using server = await RedisServer.start({
      options: ['--maxmemory-policy', 'allkeys-lru', '--maxmemory', '3mb'],
    });
    const client = new Redis(server.port);
    try {
      const throttle = new Throttle({ ...terms, attempts: 1, store: redisStore(client) });
      await throttle.verify('a', '1', ask('1', wrong));
      const filler = 'x'.repeat(10_000);
      for (let n = 0; n < 1_000; n++) await client.set(`filler ${n}`, filler);
      await throttle.verify('a', '2', ask('2', wrong));
      assert.deepEqual(asked, ['1', '2']);
    } finally {
      client.disconnect();
    }
  });

  it('needs its replicas to have a reservation, if it is told so', async () => {
    await using server = await RedisServer.start();
    await using replica = await RedisServer.start({ replicaOf: server.port });
    const client = new Redis(server.port);
    try {
      await until(async () =>
        (await server.command('INFO', 'replication')).includes('state=online'),
      );
      const store = redisStore(client, { replicas: 1 });
      const throttle = new Throttle({ ...terms, store });
      assert.deepEqual(await throttle.verify('a', '1', ask('1', wrong)), wrong);
      await replica.pause();
      await assert.rejects(throttle.verify('a', '2', neverAsk), away);
      await replica.resume();
      // The one that no replica had was given back.
      assert.deepEqual(await throttle.verify('a', '3', ask('3', wrong)), wrong);
      assert.deepEqual(await throttle.verify('a', '4', ask('4', wrong)), wrong);
      assert.deepEqual(asked, ['1', '3', '4']);
    } finally {
      client.disconnect();
    }
  });

  it('needs few rights in Redis', async () => {
    await using server = await RedisServer.start();
    const rights = '~kpass:* +evalsha +eval +hgetall +hset +hdel +pexpireat +time +del';
    await server.command('ACL', 'SETUSER', 'kpass', 'on', '>pw', ...rights.split(' '));
    const client = new Redis({
      port: server.port,
      username: 'kpass',
      password: 'pw',
      enableReadyCheck: false,
    });
    try {
      const throttle = new Throttle({ ...terms, store: redisStore(client) });
      for (const each of ['1', '2', '3']) await throttle.verify('a', each, ask(each, wrong));
      assert.deepEqual(await throttle.verify('a', 'right', neverAsk), wrong);
      await throttle.forgive('a');
      assert.deepEqual(await throttle.verify('a', 'right', ask('right', right)), right);
      await throttle.probe();
      assert.equal(await server.command('DBSIZE'), '0');
    } finally {
      client.disconnect();
    }
  });

  it('writes no name and no password into Redis, and lets each key expire', async () => {
    await using server = await RedisServer.start();
    const client = new Redis(server.port);
    try {
      const throttle = new Throttle({ ...terms, store: redisStore(client, { prefix: 'x:' }) });
      await throttle.verify('alice', 'wonderland', ask('1', wrong));
      const key = await onlyKey(server);
      assert.match(key, /^x:[\w-]{8}:[a-z0-9]{1,4}$/);
      const left = Number(await server.command('PTTL', key));
      assert(left > terms.window - 60_000 && left <= terms.window, `${left}`);
      const all = await server.command('HGETALL', key);
      assert.doesNotMatch(all, /alice|wonderland/);
    } finally {
      client.disconnect();
    }
  });

  const broken: Record<string, Partial<ThrottleStore>> = {
    'never answers': { reserve: () => new Promise(() => {}) },
    rejects: { reserve: () => Promise.reject(new Error('no')) },
    'rejects with nothing': { reserve: () => Promise.reject() },
    throws: {
      reserve: () => {
        throw new Error('no');
      },
    },
    'says something else': { reserve: () => 'yes' as never },
    'is a thenable that throws': {
      reserve: () => ({
        // biome-ignore lint/suspicious/noThenProperty: this is the case.
        then() {
          throw new Error('no');
        },
      }),
    },
  };
  const calm: ThrottleStore = { reserve: () => 'granted', settle() {}, forget() {} };
  for (const [what, more] of Object.entries(broken)) {
    it(`asks no KDC if the store ${what}`, async () => {
      const throttle = new Throttle({ ...terms, store: { ...calm, ...more } });
      await assert.rejects(throttle.verify('a', '1', neverAsk), away);
      await throttle.close();
    });

    it(`counts in memory, if told so, where the store ${what}`, async () => {
      const store = { ...calm, ...more };
      const throttle = new Throttle({ ...terms, store, fallback: 'memory' });
      for (const each of ['1', '2', '3']) await throttle.verify('a', each, ask(each, wrong));
      assert.deepEqual(await throttle.verify('a', '4', neverAsk), wrong);
      await throttle.close();
    });
  }

  it('gives the verdict if the store fails to settle, and tells the operator', async () => {
    for (const settle of [
      () => Promise.reject(new Error('no')),
      () => new Promise<void>(() => {}),
    ]) {
      const failures: KpassError[] = [];
      const listener = {
        throttled() {},
        failed: (error: unknown) => failures.push(error as KpassError),
      };
      const throttle = new Throttle({ ...terms, store: { ...calm, settle } }, 10_000, listener);
      assert.deepEqual(await throttle.verify('a', '1', ask('1', right)), right);
      await throttle.close();
      assert.deepEqual(
        failures.map(({ code, step }) => [code, step]),
        [['ERR_KPASS_STORE', 'settle']],
      );
    }
  });

  it('gives back what a store grants too late', async () => {
    const settled: string[] = [];
    const store: ThrottleStore = {
      ...calm,
      reserve: () => sleep(1_300, 'granted' as const),
      settle: (_, __, end) => {
        settled.push(end);
      },
    };
    const throttle = new Throttle({ ...terms, store });
    await assert.rejects(throttle.verify('a', '1', neverAsk), away);
    assert.deepEqual(settled, []);
    await sleep(600);
    assert.deepEqual(settled, ['none']);
  });

  it('answers 503 with Retry-After, and tells the operator the store’s error', async () => {
    await using realm = await Realm.start({ users: { alice: 'wonderland' } });
    const cause = new Error('connect ECONNREFUSED');
    const store = { ...calm, reserve: () => Promise.reject(cause) };
    const auth = basicAuth({
      ...optionsFor(realm),
      realm: 'x',
      secure: () => true,
      throttle: { ...terms, store },
    });
    const told: ErrorMessage[] = [];
    const listen = (message: ErrorMessage) => told.push(message);
    subscribe('kpass:error', listen);
    try {
      const headers = { authorization: basic('alice', 'wonderland') };
      const request = Object.assign(new IncomingMessage(null as never), { headers });
      await assert.rejects(auth.check(request), (error: RequestError) => {
        assert.equal(error.statusCode, 503);
        assert.equal(error.headers['Retry-After'], '5');
        assert.doesNotMatch(error.message, /ECONNREFUSED/);
        return true;
      });
      assert.equal((told[0]?.error as KpassError | undefined)?.cause, cause);
    } finally {
      unsubscribe('kpass:error', listen);
      auth.close();
    }
  });
});

async function onlyKey(server: RedisServer): Promise<string> {
  const keys = (await server.command('KEYS', '*')).split('\n');
  assert.equal(keys.length, 1, `${keys}`);
  return keys[0] ?? '';
}

/** Of the attempts at the only account: w, wrong; p, pending. */
async function states(server: RedisServer): Promise<string> {
  const values = await server.command('HVALS', await onlyKey(server));
  return values.replace(/ .*\n?/g, '');
}

async function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  );
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}
