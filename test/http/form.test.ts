// auth.verify(), a login form's way in; and check() with a Request of the Fetch API.

import assert from 'node:assert/strict';
import type { BasicAuth } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../support/fault-proxy';
import { HttpFixture } from '../support/http-fixture';
import { basic } from '../support/web';

const DENIED = { verified: false, reason: 'credentials' };
const ALICE = { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' };

describe('kpass/http', () => {
  const fixture = new HttpFixture();

  describe('verify(), for a form', () => {
    let auth: BasicAuth;
    beforeEach(() => {
      auth = fixture.authFor();
    });

    it('gives the verdict', async () => {
      assert.deepEqual(await auth.verify('alice', 'wonderland'), ALICE);
      assert.deepEqual(await auth.verify('alice', Buffer.from('wonderland')), ALICE);
      assert.deepEqual(await auth.verify('alice', 'wrong'), DENIED);
    });

    const nonsense = [
      undefined,
      null,
      1,
      true,
      {},
      [],
      ['alice'],
      ['alice', 'alice'],
      { toString: () => 'alice' },
      '',
      'a\0b',
      '\ud800',
      'x'.repeat(2_000),
    ];
    it('denies what no form of a person sends, without a packet', async () => {
      fixture.proxy.reset();
      for (const value of nonsense) {
        assert.deepEqual(await auth.verify(value, 'wonderland'), DENIED);
        assert.deepEqual(await auth.verify('alice', value), DENIED);
      }
      assert.equal(fixture.proxy.log.length, 0);
    });

    it('never changes the bytes of a password', async () => {
      const bytes = Buffer.from('wonderland');
      await auth.verify('alice', bytes);
      assert.equal(bytes.toString(), 'wonderland');
    });

    it('shares the memory of check()', async () => {
      assert.deepEqual(await auth.verify('alice', 'wonderland'), ALICE);
      fixture.proxy.reset();
      assert.deepEqual(await auth.verify('alice', 'wonderland'), ALICE);
      const request = new Request('https://localhost/', {
        headers: { authorization: basic('alice', 'wonderland') },
      });
      const secure = fixture.authFor({ secure: () => true });
      assert.equal((await secure.check(request))?.principal, 'alice@EXAMPLE.COM');
      assert.equal(fixture.proxy.requests['AS-REQ'], 2); // `secure` has a memory of its own.
    });

    it('makes one login of many equal ones at once', async () => {
      fixture.proxy.reset();
      const verdicts = await Promise.all(
        Array.from({ length: 20 }, () => auth.verify('alice', 'wonderland')),
      );
      for (const verdict of verdicts) assert.deepEqual(verdict, ALICE);
      assert.equal(fixture.proxy.requests['AS-REQ'], 2);
    });

    it('ends the wait of one caller when its signal is aborted, and of no other', async () => {
      const controller = new AbortController();
      const reason = new Error('the browser has gone');
      await fixture.proxy.use({ delay: 100 });
      try {
        const aborted = auth.verify('alice', 'wonderland', { signal: controller.signal });
        const other = auth.verify('alice', 'wonderland');
        controller.abort(reason);
        await assert.rejects(aborted, reason);
        assert.deepEqual(await other, ALICE);
      } finally {
        await fixture.proxy.use('pass');
      }
      const early = auth.verify('alice', 'wonderland', { signal: AbortSignal.abort(reason) });
      await assert.rejects(early, reason);
    });

    it('throws for wrong options', async () => {
      const code = 'ERR_INVALID_ARG_VALUE';
      await assert.rejects(auth.verify('alice', 'x', { signl: null } as never), { code });
      await assert.rejects(auth.verify('alice', 'x', { timeout: 5 } as never), { code });
    });

    for (const method of ['addEventListener', 'removeEventListener'] as const) {
      it(`leaves no rejection unhandled when a signal's ${method} throws`, async () => {
        const unhandled: unknown[] = [];
        const note = (error: unknown) => unhandled.push(error);
        process.on('unhandledRejection', note);
        try {
          const { signal } = new AbortController();
          signal[method] = () => {
            throw new Error('out of order');
          };
          const broken = fixture.authFor({ keytab: '/nonexistent' });
          await assert.rejects(broken.verify('alice', 'wonderland', { signal }));
          await assert.rejects(broken.verify('alice', 'wonderland')); // By now both have ended.
          await new Promise(setImmediate);
        } finally {
          process.off('unhandledRejection', note);
        }
        assert.deepEqual(unhandled, []);
      });
    }

    it('is not deceived by an array of bytes that lies', async () => {
      class Liar extends Uint8Array {
        override get length(): number {
          return 3;
        }
      }
      const bytes = new Liar('wonderland'.length);
      Uint8Array.prototype.set.call(bytes, Buffer.from('wonderland'));
      assert.deepEqual(await auth.verify('alice', bytes), ALICE);
    });

    it('counts a wrong password once, with and without the realm', async () => {
      fixture.proxy.reset();
      const forgetful = fixture.authFor({
        cache: false,
        throttle: { attempts: 5, window: 60_000 },
      });
      for (const name of ['nobody', 'nobody@EXAMPLE.COM', 'nobody@example.com', ' nobody ']) {
        assert.deepEqual(await forgetful.verify(name, 'wrong'), DENIED);
      }
      assert.equal(fixture.proxy.requests['AS-REQ'], 1);
    });

    it('rejects with an error that tells whether to try again', async () => {
      const broken = fixture.authFor({ keytab: '/nonexistent' });
      await assert.rejects(broken.verify('alice', 'wonderland'), {
        code: 'ERR_KPASS_KEYTAB',
        temporary: false,
      });
    });
  });

  it('tells a form why a login is denied, also from memory', async () => {
    await using realm = await Realm.start({
      users: { old: { password: 'right', state: 'must-change' } },
    });
    await using proxy = await FaultProxy.start(realm);
    const auth = fixture.authFor({
      config: proxy.config,
      keytab: realm.keytab('HTTP/localhost'),
    });
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await auth.verify('old', 'right'), { verified: false, reason: 'expired' });
    }
    assert.equal(proxy.requests['AS-REQ'], 1);
  });

  describe('check() with a Request of the Fetch API', () => {
    const requestFor = (authorization?: string) =>
      new Request('https://localhost/', authorization ? { headers: { authorization } } : {});

    it('is not secure by default', async () => {
      const request = requestFor(basic('alice', 'wonderland'));
      await assert.rejects(fixture.authFor().check(request), { statusCode: 403 });
    });

    it('lets in where `secure` says true', async () => {
      const auth = fixture.authFor({
        secure: (request: Request) => request.url.startsWith('https'),
      });
      const request = requestFor(basic('alice', 'wonderland'));
      const identity = await auth.check(request);
      assert.equal(identity?.principal, 'alice@EXAMPLE.COM');
      assert.deepEqual(auth.headers(request), {});
    });

    it('denies without credentials, with wrong ones, and with two', async () => {
      const auth = fixture.authFor({ secure: () => true });
      const twice = requestFor(basic('alice', 'wonderland'));
      twice.headers.append('authorization', basic('alice', 'wonderland'));
      for (const request of [requestFor(), requestFor(basic('alice', 'x')), twice]) {
        assert.equal(await auth.check(request), null);
        assert.match(String(auth.headers(request)['WWW-Authenticate']), /^Basic realm=/);
      }
    });
  });

  it('sends no challenge where `challenge` says so', async () => {
    const auth = fixture.authFor({
      secure: () => true,
      challenge: (request: Request) => request.headers.get('x-requested-with') === null,
    });
    const xhr = new Request('https://localhost/', { headers: { 'x-requested-with': 'fetch' } });
    const page = new Request('https://localhost/');
    for (const request of [xhr, page]) assert.equal(await auth.check(request), null);
    assert.deepEqual(auth.headers(xhr), {});
    assert.match(String(auth.headers(page)['WWW-Authenticate']), /^Basic/);
  });
});
