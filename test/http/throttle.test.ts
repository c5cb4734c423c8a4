// The throttle of kpass/http limits how many wrong passwords reach the KDC, in any spelling of a
// name.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KpassError } from 'kpass';
import type { BasicAuth, BasicAuthOptions } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { type Clocked, httpWithClock } from '../support/clock';
import { type Fault, FaultProxy } from '../support/fault-proxy';
import { optionsFor, verifierFor } from '../support/subject';
import { basic, Web } from '../support/web';

const SLOW = Number(process.env.KPASS_SLOW ?? 1);
const MINUTE = 60_000;
const LOCKED_AFTER = 5;
const throttle = { attempts: 3, window: 30 * MINUTE };

/** A subscriber, so that kpass/http prints no warnings. */
const ignore = () => {};

describe('the throttle of kpass/http', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    realm = await Realm.start();
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
  async function start(more: Partial<BasicAuthOptions> = { throttle }): Promise<void> {
    auth = clock.basicAuth({
      ...optionsFor(realm),
      config: proxy.config,
      realm: 'the staff',
      secure: () => {
        requests++;
        return true;
      },
      ...more,
    });
    web = await Web.start(auth, { tls: false });
  }
  // Each test has a user of its own, with the password `right`, and the KDC can lock it.
  let user = '';
  let users = 0;
  beforeEach(async () => {
    clock = httpWithClock();
    // Messages that another test abandoned may still be sent, so each test has a proxy of its own.
    proxy = await FaultProxy.start(realm);
    requests = 0;
    user = `user${++users}`;
    await realm.addUser(user, 'right', { lockout: LOCKED_AFTER });
  });
  afterEach(async () => {
    await web?.stop();
    auth?.close();
    await proxy?.stop();
  });

  const status = (password: string, name = user) => web.status(basic(name, password));
  const passwords = (count: number) => Array.from({ length: count }, (_, n) => `guess ${n}`);

  async function guess(count: number, name = user): Promise<void> {
    for (const password of passwords(count)) assert.equal(await status(password, name), 401);
  }

  /** Whether the KDC got a message during `run`. */
  async function reached(run: () => Promise<unknown>): Promise<boolean> {
    const before = proxy.log.length;
    await run();
    return proxy.log.length > before;
  }

  async function arrived(count: number): Promise<void> {
    while (requests < count) await sleep(5);
  }

  it('is off by default: guesses lock the account', async () => {
    await start({});
    await guess(20);
    assert.equal(await realm.failedCount(user), LOCKED_AFTER);
    assert.equal(await status('right'), 401);
  });

  it('stops asking after `attempts` wrong passwords, so the KDC locks nobody', async () => {
    await start();
    await guess(20);
    assert.equal(await realm.failedCount(user), 3);
    assert.equal((await verifierFor(realm).verify(user, 'right')).verified, true);
  });

  it('answers as to any wrong password', async () => {
    await start();
    const first = await web.get(basic(user, 'x'));
    await guess(3);
    const throttled = await web.get(basic(user, 'y'));
    for (const { headers } of [first, throttled]) delete headers.date;
    assert.deepEqual(throttled, first);
  });

  for (const cache of [undefined, false] as const) {
    it(`stops 50 at once as well${cache === false ? ', with cache: false' : ''}`, async () => {
      await start({ throttle, cache });
      const statuses = await Promise.all(passwords(50).map((password) => status(password)));
      assert.deepEqual(new Set(statuses), new Set([401]));
      assert.equal(await realm.failedCount(user), 3);
    });
  }

  it('denies the right password as well, until the window has passed', async () => {
    await start();
    await guess(3);
    assert.equal(await reached(async () => assert.equal(await status('right'), 401)), false);
    clock.advance(throttle.window);
    assert.equal(await status('right'), 200);
  });

  it('lets a remembered user in, without the KDC', async () => {
    await start();
    assert.equal(await status('right'), 200);
    await guess(3);
    assert.equal(await reached(async () => assert.equal(await status('right'), 200)), false);
  });

  it('counts as the KDC does: until the window passes without a wrong password', async () => {
    await start();
    await guess(2);
    clock.advance(20 * MINUTE);
    assert.equal(await status('a third'), 401);
    // 30 minutes have passed since the first two, but not since the third: the KDC still counts
    // three.
    clock.advance(20 * MINUTE);
    assert.equal(await reached(() => status('a fourth')), false);
    assert.equal(await realm.failedCount(user), 3);
    clock.advance(10 * MINUTE);
    assert.equal(await reached(() => status('a fourth')), true);
  });

  it('is not prolonged by passwords that it denies itself', async () => {
    await start();
    await guess(3);
    clock.advance(20 * MINUTE);
    await guess(20);
    clock.advance(10 * MINUTE);
    assert.equal(await status('right'), 200);
  });

  it('counts the same wrong password once, and sends it once', async () => {
    await start();
    for (let i = 0; i < 5; i++) {
      assert.equal(await status('a phone that was not told'), 401);
      clock.advance(MINUTE);
    }
    assert.equal(await realm.failedCount(user), 1);
    assert.equal(await status('right'), 200);
  });

  it('starts again after a right password', async () => {
    await start({ throttle, cache: false });
    await guess(2);
    assert.equal(await status('right'), 200);
    await guess(2);
    assert.equal(await realm.failedCount(user), 2);
    assert.equal(await status('right'), 200);
  });

  it('does not start again for another spelling, which may be another account', async () => {
    const mine = user.toUpperCase();
    await realm.addUser(mine, 'mine');
    await start({ throttle, cache: false });
    await guess(2);
    assert.equal(await status('mine', mine), 200);
    await status('a third');
    assert.equal(await reached(() => status('a fourth')), false);
    assert.equal(await realm.failedCount(user), 3);
  });

  it('counts all spellings of a name together', async () => {
    await start();
    const wide = [...user].map((c) => String.fromCodePoint((c.codePointAt(0) ?? 0) + 0xfee0));
    const spellings = [
      user,
      user.toUpperCase(),
      `${user}@EXAMPLE.COM`,
      `U${user.slice(1)}@EXAMPLE.COM`,
      user.replace('u', 'ù'),
      user.replace('s', 's\u0308'),
      user.replace('s', 'ſ'),
      wide.join(''),
      `us\u00ader${user.slice(4)}`,
      `us\u200ber${user.slice(4)}`,
      `${user} `,
    ];
    let sent = 0;
    for (const [n, name] of spellings.entries()) {
      sent += Number(await reached(() => status(`guess ${n}`, name)));
    }
    assert.equal(sent, 3);
  });

  it('counts a domain, a UPN suffix and blanks as spellings of a name', async () => {
    await start({
      throttle,
      canonicalize: true,
      upnSuffixes: ['corp.example'],
      domains: { EXAMPLE: 'EXAMPLE.COM' },
    });
    const spellings = [
      `EXAMPLE\\${user}`,
      `${user}@example.com`,
      `${user}@corp.example`,
      `example\\${user.toUpperCase()}`,
      `\u00a0${user}`,
      `${user}@CORP.EXAMPLE `,
      user,
    ];
    const sent: boolean[] = [];
    for (const [n, name] of spellings.entries()) {
      sent.push(await reached(() => status(`guess ${n}`, name)));
    }
    assert.deepEqual(sent, [true, true, true, false, false, false, false]);
  });

  it('counts one wrong password in several spellings once, and sends it once', async () => {
    await start({ throttle, domains: { EXAMPLE: 'EXAMPLE.COM' }, cache: false });
    const spellings = [`EXAMPLE\\${user}`, `example\\${user} `, `${user}@Example.Com`];
    const sent: boolean[] = [];
    for (const name of spellings) sent.push(await reached(() => status('wrong', name)));
    assert.deepEqual(sent, [true, false, false]);
    assert.equal(await realm.failedCount(user), 1);
  });

  it('counts each other name separately', async () => {
    await realm.addUser(`${user}/admin`, 'right');
    await realm.addUser(`${user}x`, 'right');
    await start();
    await guess(3);
    for (const name of [`${user}/admin`, `${user}x`]) {
      assert.equal(await status('right', name), 200, name);
    }
  });

  it('counts an unknown name in the same way', async () => {
    await start();
    await guess(3, 'nobody');
    assert.equal(await reached(() => guess(3, 'nobody')), false);
    assert.equal(await reached(() => status('a fourth', 'nobody')), false);
  });

  it('counts no denial for a reason other than the password', async () => {
    await realm.kadmin('modprinc', '-pwexpire', '1/1/2001', user);
    await start({ throttle: { attempts: 1, window: throttle.window } });
    await guess(3);
    await realm.kadmin('modprinc', '-pwexpire', 'never', user);
    assert.equal(await status('right'), 200);
  });

  it('counts no malformed password, which never reaches the KDC', async () => {
    await start({ throttle: { attempts: 1, window: throttle.window } });
    for (const password of ['', 'x'.repeat(2_000), 'a\0b']) {
      assert.equal(await status(password), 401);
    }
    assert.equal(await status('right'), 200);
  });

  describe('when passwords cannot be verified', () => {
    const one = { attempts: 1, window: throttle.window };

    it('counts nothing', async () => {
      await start({ throttle: one, timeout: 300 * SLOW });
      await proxy.use('silent');
      for (const password of passwords(3)) assert.equal(await status(password), 503);
      await proxy.use('pass');
      assert.equal(await status('right'), 200);
    });

    it('counts a password whose proof left, if the KDC does not answer', async () => {
      await start({ throttle: { attempts: 2, window: throttle.window }, timeout: 500 });
      // The first message has no proof. The KDC gets the proof, and its answer is lost.
      await proxy.use(({ n }) => (n === 1 ? 'pass' : { reply: () => null }));
      assert.equal(await status('wrong'), 503);
      assert.equal(await realm.failedCount(user), 1);
      await proxy.use('pass');
      // When its lease is over, it may be tried again. It then counts once more.
      clock.advance(3_000);
      assert.equal(await status('wrong'), 401);
      assert.equal(await reached(() => status('another')), false);
      assert.equal(await realm.failedCount(user), 2);
    });

    it('lets the right password in after a lost answer, and forgets that one', async () => {
      await start({ throttle: { attempts: 2, window: throttle.window }, timeout: 500 });
      await proxy.use(({ n }) => (n === 1 ? 'pass' : { reply: () => null }));
      assert.equal(await status('right'), 503);
      await proxy.use('pass');
      clock.advance(3_000);
      assert.equal(await status('right'), 200);
      await guess(2);
      assert.equal(await realm.failedCount(user), 2);
    });

    it('counts nothing if the KDC answers the proof with an error that is no verdict', async () => {
      await start({ throttle: one });
      for (const error of [29, 37, 60]) {
        proxy.reset();
        await proxy.use(({ n }) => (n === 1 ? 'pass' : { error }));
        assert.equal(await status('right'), 503);
      }
      await proxy.use('pass');
      assert.equal(await status('right'), 200);
    });

    describe('under armor', () => {
      async function startArmored(attempts: number): Promise<void> {
        const own = { attempts, window: throttle.window };
        await start({ throttle: own, timeout: 500 * SLOW, fast: 'require', cache: false });
        assert.equal(await status('right'), 200); // now the process has its armor
        proxy.reset();
      }

      it('counts nothing before the proof has left', async () => {
        await startArmored(1);
        await proxy.use('silent');
        for (const password of passwords(3)) assert.equal(await status(password), 503);
        await proxy.use('pass');
        assert.equal(await status('right'), 200);
      });

      const lost: Record<string, Fault> = {
        'no answer': { reply: () => null },
        'a plain error, which anybody can forge': { error: 60 },
        'a plain refusal, which anybody can forge': { error: 24 },
      };
      for (const [answer, fault] of Object.entries(lost)) {
        it(`counts a password whose proof left, and that got ${answer}`, async () => {
          await startArmored(1);
          await proxy.use(({ n }) => (n === 1 ? 'pass' : fault));
          assert.equal(await status('wrong'), 503);
          await proxy.use('pass');
          clock.advance(3_000);
          assert.equal(await reached(() => status('another')), false);
        });
      }
    });

    it('counts nothing if the KDC takes the password and the keytab fails', async () => {
      const impostor = await Realm.start({
        services: ['HTTP/localhost'],
        users: { [user]: 'right' },
      });
      try {
        await start({ throttle: one, config: impostor.config });
        for (let n = 0; n < 3; n++) assert.equal(await status('right'), 500);
      } finally {
        await impostor.stop();
      }
    });

    it('answers 503, not 401, to requests that wait for another', async () => {
      await start({ throttle: one, timeout: 500 * SLOW });
      await proxy.use('silent');
      const answers = passwords(5).map((password) => status(password));
      await arrived(5);
      assert.deepEqual(new Set(await Promise.all(answers)), new Set([503]));
      await proxy.use('pass');
      assert.equal(await status('right'), 200);
    });

    it('lets the next request try if the first was right after all', async () => {
      await start({ throttle: one });
      await proxy.use('silent');
      const first = status('right');
      await arrived(1);
      const second = status('wrong');
      await arrived(2);
      await proxy.use('pass'); // libkrb5 asks again within a second.
      assert.equal(await first, 200);
      assert.equal(await second, 401);
      assert.equal(await realm.failedCount(user), 1);
    });

    it('limits how many requests wait', async () => {
      await start({ throttle: one, timeout: 3_000 });
      await proxy.use('silent');
      const requestOf = (password: string) =>
        Object.assign(new IncomingMessage(null as never), {
          headers: { authorization: basic(user, password) },
        });
      const codeOf = ({ code }: KpassError) => code;
      const codes = await Promise.all(
        passwords(1_200).map((password) => auth.check(requestOf(password)).catch(codeOf)),
      );
      assert.equal(codes.filter((code) => code === 'ERR_KPASS_TIMEOUT').length, 1_025);
      assert.equal(codes.filter((code) => code === 'ERR_KPASS_BUSY').length, 175);
    });
  });
});
