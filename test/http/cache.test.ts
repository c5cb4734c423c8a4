// The memory of kpass/http. The tests count messages to the KDC, and read the KDC's count of
// failures.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BasicAuth, BasicAuthOptions } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { type Clocked, httpWithClock } from '../support/clock';
import { FaultProxy } from '../support/fault-proxy';
import { copiesIn, masked } from '../support/memory';
import { optionsFor } from '../support/subject';
import { basic, Web } from '../support/web';

const users = { alice: 'wonderland', bob: 'builder', carol: 'of the bells', a: 'bc', ab: 'c' };
const right = basic('alice', users.alice);
/** The number of messages in one login: the KDC asks for pre-authentication first. */
const LOGIN = 2;

/** A subscriber, so that kpass/http prints no warnings. */
const ignore = () => {};

describe('the memory of kpass/http', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    realm = await Realm.start({ users });
    subscribe('kpass:error', ignore);
  });
  after(async () => {
    unsubscribe('kpass:error', ignore);
    await realm?.stop();
  });

  let clock: Clocked;
  let auth: BasicAuth;
  let web: Web;
  let requests = 0;
  async function start(more: Partial<BasicAuthOptions> = {}): Promise<void> {
    auth = clock.basicAuth({
      ...optionsFor(realm),
      config: proxy.config,
      fast: 'never', // the login for armor would be more messages than the tests expect
      realm: 'the staff',
      secure: () => {
        requests++;
        return true;
      },
      ...more,
    });
    web = await Web.start(auth, { tls: false });
  }
  beforeEach(async () => {
    clock = httpWithClock();
    // Messages that another test abandoned may still be sent, so each test has a proxy of its own.
    proxy = await FaultProxy.start(realm);
    requests = 0;
  });
  afterEach(async () => {
    await web?.stop();
    auth?.close();
    await proxy?.stop();
  });

  /** The number of messages that the KDC gets for these requests, one after another. */
  async function messagesFor(...requests: [header: string, status: number][]): Promise<number> {
    const before = proxy.requests['AS-REQ'];
    for (const [header, status] of requests) assert.equal(await web.status(header), status);
    return proxy.requests['AS-REQ'] - before;
  }
  /** Resolves when this number of requests has reached the server. */
  async function arrived(count: number): Promise<void> {
    while (requests < count) await sleep(5);
  }
  const times = <T>(count: number, item: T) => Array<T>(count).fill(item);

  describe('of a right password', () => {
    it('makes one login of 1,000 requests', async () => {
      await start();
      assert.equal(await messagesFor(...times(1_000, [right, 200] as [string, number])), LOGIN);
    });

    it('makes one login of 1,000 requests over TLS, 50 at a time', async () => {
      await start({ secure: undefined });
      await using tls = await Web.start(auth);
      for (let i = 0; i < 20; i++) {
        const statuses = await Promise.all(times(50, right).map((header) => tls.status(header)));
        assert.deepEqual(statuses, times(50, 200));
      }
      assert.equal(proxy.requests['AS-REQ'], LOGIN);
    });

    it('ends after cache.ttl, used or not', async () => {
      await start();
      assert.equal(await messagesFor([right, 200]), LOGIN);
      clock.advance(40_000);
      assert.equal(await messagesFor([right, 200]), 0);
      clock.advance(40_000);
      assert.equal(await messagesFor([right, 200], [right, 200]), LOGIN);
    });

    it('ends with the account, after cache.ttl', async () => {
      await start({ cache: { ttl: 5_000 } });
      await realm.addUser('leaver', 'bye');
      const leaver = basic('leaver', 'bye');
      assert.equal(await web.status(leaver), 200);
      await realm.kadmin('modprinc', '-allow_tix', 'leaver');
      assert.equal(await messagesFor([leaver, 200]), 0);
      clock.advance(5_000);
      assert.notEqual(await messagesFor([leaver, 401]), 0);
    });

    it('outlives the KDC by cache.ttl', async () => {
      await start();
      await web.get(right);
      await proxy.use('silent');
      assert.equal(await web.status(right), 200);
    });

    it('lets nobody in with another name or another password', async () => {
      await start();
      assert.equal(await web.status(right), 200);
      assert.equal(await web.status(basic('ab', 'c')), 200);
      for (const [user, password] of [
        ['alice', 'wonderlan'],
        ['alice', 'wonderland '],
        ['alice', 'Wonderland'],
        ['alice', ''],
        ['bob', 'wonderland'],
        ['Alice', 'wonderland'],
        ['', 'wonderland'],
        ['abc', ''],
        ['', 'abc'],
      ] as const) {
        assert.equal(await web.status(basic(user, password)), 401, `${user}:${password}`);
      }
      assert.equal(await web.status(basic('a', 'bc')), 200);
      const who = JSON.parse((await web.get(basic('ab', 'c'))).body);
      assert.equal(who.principal, 'ab@EXAMPLE.COM');
    });

    it('is one with and without the realm', async () => {
      await start();
      const spelled = basic('alice@EXAMPLE.COM', users.alice);
      assert.equal(await messagesFor([right, 200], [spelled, 200]), LOGIN);
      const bobs = ['bob@EXAMPLE.COM', 'bob@example.com', 'bob'];
      for (const [n, name] of bobs.entries()) {
        assert.equal(await messagesFor([basic(name, users.bob), 200]), n === 0 ? LOGIN : 0, name);
      }
    });

    it('is no other realm than the own one', async () => {
      await start();
      assert.equal(await messagesFor([right, 200]), LOGIN);
      for (const other of ['EVIL.EXAMPLE', 'EXAMPLE.CO', 'EXAMPLE.COM.']) {
        await messagesFor([basic(`alice@${other}`, users.alice), 401], [right, 200]);
      }
    });

    it('is one for spellings that are known to be one name', async () => {
      await start({ domains: { EXAMPLE: 'EXAMPLE.COM' } });
      const spellings = [
        'alice@EXAMPLE.COM',
        'alice@example.com',
        'EXAMPLE\\alice',
        ' example\\alice ',
      ];
      const requests = spellings.map((name): [string, number] => [basic(name, users.alice), 200]);
      assert.equal(await messagesFor(...requests), LOGIN);
    });

    it('is separate for each case of the name, which may be another account', async () => {
      await start();
      await realm.addUser('Alice', 'of another house');
      assert.equal(await messagesFor([right, 200]), LOGIN);
      assert.equal(await web.status(basic('Alice', users.alice)), 401);
      assert.equal(await web.status(basic('Alice', 'of another house')), 200);
    });
  });

  describe('of a wrong password', () => {
    let name: string;
    let victims = 0;
    beforeEach(async () => {
      name = `victim${++victims}`;
      await realm.addUser(name, 'right');
    });
    const header = (password: string) => basic(name, password);

    it('makes one failed login of 50 requests at once', async () => {
      await start();
      const statuses = await Promise.all(times(50, header('x')).map((one) => web.status(one)));
      assert.deepEqual(statuses, times(50, 401));
      assert.equal(await realm.failedCount(name), 1);
    });

    it('makes one failed login of 50 requests, one after another', async () => {
      await start();
      await messagesFor(...times(50, [header('x'), 401] as [string, number]));
      assert.equal(await realm.failedCount(name), 1);
    });

    it('ends after cache.denyTtl: a user who has just got that password gets in', async () => {
      await start();
      assert.equal(await web.status(header('new')), 401);
      await realm.kadmin('cpw', '-pw', 'new', name);
      assert.equal(await messagesFor([header('new'), 401]), 0);
      clock.advance(10_000);
      assert.equal(await messagesFor([header('new'), 200]), LOGIN);
    });

    it('keeps out no user with the right one', async () => {
      await start();
      await messagesFor([header('x'), 401], [header('right'), 200], [header('x'), 401]);
    });
  });

  describe('does not hold an error', () => {
    it('as a denial or as a success', async () => {
      await start({ timeout: 300 });
      await proxy.use('silent');
      assert.equal(await web.status(right), 503);
      assert.equal(await web.status(right), 503);
      await proxy.use('pass');
      assert.equal(await web.status(right), 200);
    });

    it('though all requests that wait for the same login get it', async () => {
      await start({ timeout: 300 });
      await proxy.use('silent');
      const statuses = await Promise.all(times(20, right).map((header) => web.status(header)));
      assert.deepEqual(statuses, times(20, 503));
    });
  });

  it('is unharmed by a client that leaves during the login', async () => {
    await start();
    await proxy.use('silent');
    const gone = web.request(right);
    gone.on('error', () => {});
    await arrived(1);
    const stays = web.status(right);
    await arrived(2);
    gone.destroy();
    await proxy.use('pass'); // libkrb5 asks again within a second.
    assert.equal(await stays, 200);
    assert.equal(proxy.requests['AS-REQ'], LOGIN);
  });

  describe('is bounded by cache.max', () => {
    const bob = basic('bob', users.bob);
    const carol = basic('carol', users.carol);

    it('and forgets the least recently used first', async () => {
      await start({ cache: { max: 2 } });
      await messagesFor([right, 200], [bob, 200], [right, 200], [carol, 200]);
      assert.equal(await messagesFor([right, 200], [carol, 200]), 0);
      assert.equal(await messagesFor([bob, 200]), LOGIN);
    });

    it('and forgets no right password for wrong ones', async () => {
      await start({ cache: { max: 1 } });
      await messagesFor([right, 200], [basic('bob', '1'), 401], [basic('bob', '2'), 401]);
      assert.equal(await messagesFor([right, 200]), 0);
    });
  });

  describe('with cache: false', () => {
    it('is empty: each request is a login', async () => {
      await start({ cache: false });
      assert.equal(await messagesFor([right, 200], [right, 200], [right, 200]), 3 * LOGIN);
      await realm.addUser('dan', 'right');
      const wrong = basic('dan', 'wrong');
      await messagesFor([wrong, 401], [wrong, 401]);
      assert.equal(await realm.failedCount('dan'), 2);
    });

    it('still shares a login between requests at the same time', async () => {
      await start({ cache: false });
      await proxy.use('silent');
      const statuses = times(50, right).map((header) => web.status(header));
      await arrived(50);
      await proxy.use('pass'); // libkrb5 asks again within a second.
      assert.deepEqual(await Promise.all(statuses), times(50, 200));
      assert.equal(proxy.requests['AS-REQ'], LOGIN);
    });
  });

  it('is empty with a ttl of 0 as well', async () => {
    await start({ cache: { ttl: 0 } });
    assert.equal(await messagesFor([right, 200], [right, 200]), 2 * LOGIN);
  });

  describe('ends with close()', () => {
    it('for right and for wrong passwords', async () => {
      await start();
      const wrong = basic('alice', 'wrong');
      await messagesFor([right, 200], [wrong, 401]);
      auth.close();
      assert.equal(await messagesFor([right, 500], [wrong, 500]), 0);
    });

    it('during a login as well', async () => {
      await start();
      await proxy.use({ delay: 300 });
      const first = web.status(right);
      while (proxy.log.length === 0) await sleep(5);
      auth.close();
      assert.equal(await web.status(right), 500);
      await first;
      assert.equal(await web.status(right), 500);
    });
  });

  it('does not keep the process alive', async () => {
    const { code, stderr, endedIn } = await runProgram(
      realm,
      `const { basicAuth } = require('kpass/http');
      const { IncomingMessage } = require('node:http');
      const request = (password) => Object.assign(new IncomingMessage(null), { headers: {
        authorization: 'Basic ' + btoa('alice:' + password) } });
      const throttle = { attempts: 2, window: 3_600_000 };
      const cache = { ttl: 3_600_000, denyTtl: 3_600_000 };
      const secure = () => true;
      const auth = basicAuth({ ...options, realm: 'x', secure, cache, throttle });
      (async () => {
        if (await auth.check(request('wonderland')) === null) throw new Error('refused');
        if (await auth.check(request('wrong')) !== null) throw new Error('let in');
        ending();
      })();`,
    );
    assert.equal(code, 0, stderr);
    assert(endedIn < 10_000, `${endedIn} ms`);
  });

  describe('holds no password', () => {
    let child: ChildProcess;
    before(async () => {
      child = spawn(process.execPath, ['-e', PROGRAM], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      await once(child, 'message');
    });
    after(() => child?.kill());

    for (const outcome of ['verified', 'denied']) {
      it(`that was ${outcome}: not a piece of it is left in memory`, async () => {
        const secret = randomBytes(24).toString('hex');
        const name = outcome === 'verified' ? `user${secret.slice(0, 6)}` : 'alice';
        if (outcome === 'verified') await realm.addUser(name, secret);
        const { keytab, host, service } = optionsFor(realm);
        const options = { keytab, host, service, config: realm.config, realm: 'x' };
        child.send({ options, secret: masked(btoa(`${name}:${secret}`)) });
        const [said] = await once(child, 'message');
        assert.equal(said, outcome);
        assert.deepEqual(copiesIn(child.pid ?? 0, secret), []);
      });
    }

    for (const [what, shape] of Object.entries({
      'had no colon': (secret: string) => secret,
      'had a control character': (secret: string) => `alice:${secret}\t`,
      'was not UTF-8': (secret: string) => `alice:${secret}\xff`,
    })) {
      it(`that ${what}: not a piece of it is left in memory`, async () => {
        const secret = randomBytes(24).toString('hex');
        const { keytab, host, service } = optionsFor(realm);
        const options = { keytab, host, service, config: realm.config, realm: 'x' };
        child.send({ options, secret: masked(btoa(shape(secret))) });
        assert.deepEqual(await once(child, 'message').then(([said]) => said), 'denied');
        assert.deepEqual(copiesIn(child.pid ?? 0, secret), []);
      });
    }
  });
});

// The header comes in two pads. It stays in memory in base64, as the browser sent it, because
// Node's strings cannot be wiped. It is checked three times: twice at once, and again when it is
// remembered.
const PROGRAM = `
const { basicAuth } = require('kpass/http');
const { IncomingMessage } = require('node:http');
process.on('message', async ({ options, secret }) => {
  globalThis.kept = basicAuth({ ...options, secure: () => true });
  const token = Buffer.from(secret.noise.map((byte, i) => byte ^ secret.mask[i])).toString();
  const check = () => kept.check(Object.assign(new IncomingMessage(null), { headers: {
    authorization: 'Basic ' + token } }));
  const [one, two] = await Promise.all([check(), check()]);
  const three = await check();
  process.send(one && two && three ? 'verified' : one ?? two ?? three ?? 'denied');
});
process.send('ready');
`;
