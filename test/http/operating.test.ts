// What an operator sees of kpass/http, and does with it: stats, forgive(), ready(), close(), channels.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Acceptor, type CallContext, type ThrottleEvent, Verifier } from 'kpass';
import { diagnose } from 'kpass/doctor';
import { type BasicAuth, type BasicAuthOptions, basicAuth, kerberosAuth } from 'kpass/http';
import { redisStore } from 'kpass/redis';
import { Realm } from 'kpass/testing';
import { runCommand } from '../support/command';
import { FaultProxy } from '../support/fault-proxy';
import { RedisServer } from '../support/redis';
import { optionsFor, verifierFor } from '../support/subject';

const secret = 'one secret of all processes, 32 bytes';
const terms = { attempts: 2, window: 1_800_000 };
const users = { alice: 'wonderland', bob: 'builder' };

describe('an operator of kpass', () => {
  let realm: Realm;
  let server: RedisServer;
  let client: Redis;
  before(async () => {
    realm = await Realm.start({ users });
    server = await RedisServer.start();
    client = new Redis(server.port);
  });
  after(async () => {
    client?.disconnect();
    await server?.stop();
    await realm?.stop();
  });

  const optionsWith = (more: Partial<BasicAuthOptions> = {}) => ({
    ...optionsFor(realm),
    realm: 'x',
    ...more,
  });
  const withStore = () => ({ ...terms, secret, store: redisStore(client) });

  it('sees the numbers of remembered, shared and throttled requests', async () => {
    await using auth = basicAuth(optionsWith({ throttle: terms }));
    await Promise.all([auth.verify('alice', 'wonderland'), auth.verify('alice', 'wonderland')]);
    await auth.verify('alice', 'wonderland');
    for (const wrong of ['a', 'b', 'c', 'd']) await auth.verify('bob', wrong);
    const { verified, denied, remembered, shared, throttled, waiting, active } = auth.stats;
    assert.deepEqual(
      { verified, denied, remembered, shared, throttled, waiting, active },
      { verified: 1, denied: 2, remembered: 1, shared: 1, throttled: 2, waiting: 0, active: 0 },
    );
    assert.equal(auth.stats.storeFailed, 0);
    const numbers = Object.values({ ...auth.stats });
    assert(numbers.every((each) => Number.isInteger(each)));
  });

  it('sees that the store fails, and how many tickets were accepted', async () => {
    const broken = { reserve: () => Promise.reject(new Error('no')), settle() {}, forget() {} };
    const throttle = { ...terms, secret, store: broken };
    await using auth = kerberosAuth(optionsWith({ throttle }));
    await assert.rejects(auth.verify('alice', 'x'), { code: 'ERR_KPASS_STORE' });
    const { storeFailed, accepted, refused } = auth.stats;
    assert.deepEqual([storeFailed, accepted, refused], [1, 0, 0]);
  });

  it('is told of throttled accounts, by one number in all processes, and by no name', async () => {
    const told: ThrottleEvent[] = [];
    const listen = (event: ThrottleEvent) => told.push(event);
    subscribe('kpass:throttle', listen);
    await using one = basicAuth(optionsWith({ throttle: withStore() }));
    await using other = basicAuth(optionsWith({ throttle: withStore() }));
    try {
      for (const wrong of ['a', 'b', 'c']) await one.verify('Bob', wrong);
      await other.verify('bob', 'd');
      assert.equal(told.length, 2);
      assert.equal(told[0]?.account, told[1]?.account);
      assert.equal(told[0]?.attempts, 2);
      assert.doesNotMatch(JSON.stringify(told), /bob/i);
      await one.forgive('bob');
      await one.forgive('Bob');
    } finally {
      unsubscribe('kpass:throttle', listen);
    }
  });

  for (const [where, throttle] of [
    ['memory', () => terms],
    ['a store', withStore],
  ] as const) {
    it(`forgives a user, with ${where}`, async () => {
      await using auth = basicAuth(optionsWith({ throttle: throttle() }));
      for (const wrong of ['a', 'b']) await auth.verify('alice', wrong);
      const right = () => auth.verify('alice', 'wonderland');
      assert.equal((await right()).verified, false);
      await auth.forgive('ALICE@EXAMPLE.COM');
      assert.equal((await right()).verified, true);
      await auth.forgive('');
      await auth.forgive('a\0b');
      await assert.rejects(auth.forgive(7 as never), { code: 'ERR_INVALID_ARG_TYPE' });
    });
  }

  it('forgives a user from the command line', async () => {
    await using auth = basicAuth(optionsWith({ throttle: withStore() }));
    for (const wrong of ['a', 'b', 'c']) await auth.verify('alice', wrong);
    assert.equal(auth.stats.throttled, 1);
    const file = join(realm.folder, 'auth.cjs');
    await writeFile(
      file,
      `const { Redis } = require(${JSON.stringify(require.resolve('ioredis'))});
       const { basicAuth } = require(${JSON.stringify(require.resolve('kpass/http'))});
       const { redisStore } = require(${JSON.stringify(require.resolve('kpass/redis'))});
       exports.auth = basicAuth({
         ...${JSON.stringify(optionsWith())},
         throttle: {
           ...${JSON.stringify({ ...terms, secret })},
           store: redisStore(new Redis(${server.port})),
         },
       });`,
    );
    const { code, stdout, stderr } = await runCommand(['forgive', 'alice', '--auth', file]);
    assert.deepEqual([code, stdout, stderr], [0, 'alice is forgiven.\n', '']);
    assert.equal((await auth.verify('alice', 'wonderland')).verified, true);
  });

  it('learns whether a login would work', async () => {
    await using auth = basicAuth(optionsWith({ throttle: withStore() }));
    const { ready, links } = await auth.ready();
    assert.equal(ready, true, JSON.stringify(links));
    const names = links.map(({ name }) => name);
    for (const name of ['KDCs', 'key', 'store']) assert(names.includes(name), name);
    await auth.close();
    assert.equal((await auth.ready()).ready, false);
  });

  it('learns which link is broken, once in 5 s', async () => {
    await using proxy = await FaultProxy.start(realm);
    await proxy.use('reset');
    const broken = { reserve: () => Promise.reject(new Error('no')), settle() {}, forget() {} };
    const throttle = { ...terms, secret, store: broken };
    const { config } = proxy;
    await using auth = basicAuth(optionsWith({ config, timeout: 2_000, throttle }));
    const { ready, links } = await auth.ready();
    assert.equal(ready, false);
    const names = links.filter(({ status }) => status === 'broken').map(({ name }) => name);
    assert.deepEqual(names, ['KDCs', 'store']);
    await proxy.use('pass');
    assert.equal((await auth.ready()).ready, false);
  });

  it('tries a stale key of the service once a minute at most, which the KDC may count', async () => {
    await using other = await Realm.start({ users: { alice: 'wonderland' } });
    const stale = await other.writeKeytab('HTTP/localhost');
    await other.rotateKey('HTTP/localhost');
    await using proxy = await FaultProxy.start(other);
    await using auth = basicAuth({
      ...optionsFor(other),
      keytab: stale,
      config: proxy.config,
      realm: 'x',
    });
    const { links } = await auth.ready();
    assert.equal(links.find(({ name }) => name === 'key')?.status, 'broken');
    const before = proxy.log.length;
    await sleep(5_500); // longer than any other result is kept
    assert.equal((await auth.ready()).ready, false);
    assert.equal(proxy.log.length, before);
  });

  it('gives up the question whether a login would work', async () => {
    await using auth = basicAuth(optionsWith());
    await assert.rejects(
      auth.ready({ signal: AbortSignal.abort('no time') }),
      (e) => e === 'no time',
    );
    const controller = new AbortController();
    const asked = auth.ready({ signal: controller.signal });
    controller.abort('too late');
    await assert.rejects(asked, (error) => error === 'too late');
    assert.equal((await auth.ready()).ready, true);
  });

  it('gets what `kpass doctor --json` prints from a function', async () => {
    const { ok, links } = await diagnose({
      ...optionsFor(realm),
      user: { name: 'alice', password: 'wonderland' },
      store: redisStore(client),
    });
    assert.equal(ok, true, JSON.stringify(links));
    const { stdout } = await runCommand(
      [
        ...['doctor', 'alice', '--json', '--password-stdin', '-H', 'localhost'],
        ...['-k', realm.keytab('HTTP/localhost'), '-c', realm.config],
      ],
      { input: 'wonderland' },
    );
    const printed = JSON.parse(stdout);
    const names = (all: { name: string }[]) => all.map(({ name }) => name);
    assert.deepEqual(names(links).slice(0, -1), names(printed.links));
    assert.equal(links.at(-1)?.name, 'store');
    await assert.rejects(diagnose({ service: '' }), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('is warned of a store that forgets', async () => {
    await using forgetful = await RedisServer.start({
      durable: false,
      options: ['--maxmemory-policy', 'volatile-lru'],
    });
    const other = new Redis(forgetful.port);
    try {
      const { ok, links } = await diagnose({ ...optionsFor(realm), store: redisStore(other) });
      assert.equal(ok, true);
      const details = links
        .filter(({ status }) => status === 'warning')
        .map(({ detail }) => detail);
      assert.equal(details.length, 2);
      assert.match(details[0] ?? '', /maxmemory-policy is volatile-lru/);
      assert.match(details[1] ?? '', /append-only file/);
    } finally {
      other.disconnect();
    }
  });

  it('can wait for the end of all that is pending', async () => {
    await using proxy = await FaultProxy.start(realm);
    await proxy.use({ delay: 300 });
    const { config } = proxy;
    const verifier = verifierFor(realm, { config });
    const auth = basicAuth(optionsWith({ config, throttle: withStore() }));
    let ended = 0;
    for (const verdict of [
      verifier.verify('alice', 'wonderland'),
      verifier.verify('alice', 'wrong'),
      auth.verify('bob', 'builder'),
    ]) {
      verdict.finally(() => ended++);
    }
    await sleep(50);
    await Promise.all([verifier.close(), auth.close()]);
    assert.equal(ended, 3);
    // The store knows all ends.
    assert.deepEqual(await client.keys('kpass:*'), []);
    await verifier.close();
  });

  it('can dispose of each class', async () => {
    const { service, host, keytab, config } = optionsFor(realm);
    await using verifier = new Verifier(optionsFor(realm));
    await using acceptor = new Acceptor({ service, host, keytab, config });
    await using auth: BasicAuth = basicAuth(optionsWith());
    assert(verifier && acceptor && auth);
  });

  it('traces 300 verifications in flight, each in its own context', async () => {
    const requests = new AsyncLocalStorage<number>();
    const seen = new Map<CallContext, string[]>();
    const note = (event: string) => (context: unknown) => {
      const call = context as CallContext;
      const events = seen.get(call) ?? [];
      seen.set(call, [...events, `${event} ${requests.getStore()}`]);
    };
    const channel = tracingChannel('kpass:verify');
    const subscribers = {
      start: note('start'),
      end: note('end'),
      asyncStart: note('asyncStart'),
      asyncEnd: note('asyncEnd'),
      error: note('error'),
    };
    channel.subscribe(subscribers);
    await using verifier = verifierFor(realm, { queue: 500 });
    await using gone = verifierFor(realm, { config: '/nonexistent/krb5.conf' });
    try {
      await Promise.allSettled(
        Array.from({ length: 300 }, (_, n) =>
          requests.run(n, () =>
            (n % 3 === 2 ? gone : verifier).verify('alice', n % 3 ? 'wrong' : 'wonderland'),
          ),
        ),
      );
    } finally {
      channel.unsubscribe(subscribers);
    }
    assert.equal(seen.size, 300);
    const numbers = new Set<number>();
    for (const [context, events] of seen) {
      const n = Number(/\d+/.exec(events[0] ?? '')?.[0]);
      numbers.add(n);
      const failed = n % 3 === 2;
      const expected = ['start', 'end', ...(failed ? ['error'] : []), 'asyncStart', 'asyncEnd'];
      assert.deepEqual(
        events,
        expected.map((event) => `${event} ${n}`),
      );
      assert.equal(context.service, 'HTTP');
      assert.equal(context.host, 'localhost');
      assert.equal(
        (context.error as { code?: string } | undefined)?.code,
        failed ? 'ERR_KPASS_CONFIG' : undefined,
      );
      const verified = (context.result as { verified: boolean } | undefined)?.verified;
      assert.equal(verified, failed ? undefined : n % 3 === 0);
    }
    assert.equal(numbers.size, 300);
  });

  it('traces accepts', async () => {
    const { service, host, keytab, config } = optionsFor(realm);
    await using acceptor = new Acceptor({ service, host, keytab, config });
    const results: unknown[] = [];
    const subscribers = {
      asyncEnd: (context: unknown) => results.push((context as CallContext).result),
    };
    const channel = tracingChannel('kpass:accept');
    channel.subscribe(subscribers as never);
    try {
      await acceptor.accept(new Uint8Array(3));
    } finally {
      channel.unsubscribe(subscribers as never);
    }
    assert.deepEqual(results, [{ accepted: false, reason: 'malformed' }]);
  });
});
