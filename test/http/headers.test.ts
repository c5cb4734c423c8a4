// The headers that kpass/http gives to servers that answer themselves, and the property `temporary`
// of the errors that they log.

import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { KpassErrorCode } from 'kpass';
import { type BasicAuth, type BasicAuthOptions, basicAuth, type RequestError } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../support/fault-proxy';
import { failureOf, kpassIn, optionsFor, SERVICE, verifierFor } from '../support/subject';
import { basic } from '../support/web';

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="the staff", charset="UTF-8"' };

/** A request with this Authorization field, made without a network. */
function requestWith(authorization?: string, encrypted = true): IncomingMessage {
  const rawHeaders = authorization === undefined ? [] : ['Authorization', authorization];
  const headers = authorization === undefined ? {} : { authorization };
  return { socket: { encrypted }, headers, rawHeaders } as unknown as IncomingMessage;
}

describe('the headers of an answer', () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' }, services: [SERVICE] });
  });
  after(() => realm?.stop());

  const open: BasicAuth[] = [];
  afterEach(() => {
    for (const auth of open.splice(0)) auth.close();
  });
  function authFor(more: Partial<BasicAuthOptions> = {}): BasicAuth {
    const auth = basicAuth({ ...optionsFor(realm), realm: 'the staff', ...more });
    open.push(auth);
    return auth;
  }

  it('are the challenge before the request is checked', () => {
    assert.deepEqual(authFor().headers(requestWith()), CHALLENGE);
  });

  it('are the challenge after a request without credentials', async () => {
    const auth = authFor();
    const request = requestWith();
    assert.equal(await auth.check(request), null);
    assert.deepEqual(auth.headers(request), CHALLENGE);
  });

  it('are the challenge after a refused password', async () => {
    const auth = authFor();
    const request = requestWith(basic('alice', 'looking-glass'));
    assert.equal(await auth.check(request), null);
    assert.deepEqual(auth.headers(request), CHALLENGE);
  });

  it('are none after a success, for that request alone', async () => {
    const auth = authFor();
    for (const from of ['the KDC', 'the cache']) {
      const request = requestWith(basic('alice', 'wonderland'));
      assert.notEqual(await auth.check(request), null, from);
      assert.deepEqual(auth.headers(request), {}, from);
    }
    assert.deepEqual(auth.headers(requestWith(basic('alice', 'wonderland'))), CHALLENGE);
  });

  it('are those of the last check of a request', async () => {
    const auth = authFor();
    const request = requestWith(basic('alice', 'wonderland'));
    await auth.check(request);
    delete request.headers.authorization;
    assert.equal(await auth.check(request), null);
    assert.deepEqual(auth.headers(request), CHALLENGE);
  });

  it('do not depend on a success with another basicAuth()', async () => {
    const request = requestWith(basic('alice', 'wonderland'));
    await authFor().check(request);
    assert.deepEqual(authFor().headers(request), CHALLENGE);
  });

  it('are none on a connection that is not secure, before and after the check', async () => {
    const auth = authFor();
    const request = requestWith(basic('alice', 'wonderland'), false);
    assert.deepEqual(auth.headers(request), {});
    await assert.rejects(auth.check(request), { statusCode: 403 });
    assert.deepEqual(auth.headers(request), {});
  });

  it('are none if the option `secure` throws, or says yes with anything but true', () => {
    const faulty = () => {
      throw new Error('out of order');
    };
    assert.deepEqual(authFor({ secure: faulty }).headers(requestWith()), {});
    assert.deepEqual(authFor({ secure: () => 1 as never }).headers(requestWith()), {});
    assert.deepEqual(authFor({ secure: () => true }).headers(requestWith('', false)), CHALLENGE);
  });

  it('are none after an error: only a 401 carries a challenge', async () => {
    const auth = authFor({ keytab: '/nonexistent' });
    const request = requestWith(basic('alice', 'wonderland'));
    await assert.rejects(auth.check(request), { statusCode: 500 });
    assert.deepEqual(auth.headers(request), {});
  });

  it('escape the realm', () => {
    assert.deepEqual(authFor({ realm: 'the "staff" \\' }).headers(requestWith()), {
      'WWW-Authenticate': 'Basic realm="the \\"staff\\" \\\\", charset="UTF-8"',
    });
  });

  it('are a new object each time, which the caller may change', () => {
    const auth = authFor();
    const request = requestWith();
    auth.headers(request)['WWW-Authenticate'] = 'Basic realm="another"';
    auth.headers(request).extra = 'x';
    assert.deepEqual(auth.headers(request), CHALLENGE);
  });
});

describe('an error', () => {
  let realm: Realm;
  let deserted: string;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' }, services: [SERVICE] });
    await realm.addUser('disabled', 'wonderland', { state: 'disabled' });
    deserted = await realm.writeConfig({ kdcs: ['127.0.0.1:1'] });
  });
  after(() => realm?.stop());

  async function assertTemporary(
    promise: Promise<unknown>,
    code: KpassErrorCode,
    temporary: boolean,
  ): Promise<void> {
    const error = await failureOf(promise);
    assert.deepEqual([error.code, error.temporary], [code, temporary]);
  }

  it('is temporary if no KDC answers', () =>
    assertTemporary(
      verifierFor(realm, { config: deserted }).verify('alice', 'wonderland'),
      'ERR_KPASS_KDC',
      true,
    ));

  it('is temporary at the deadline', async () => {
    await using proxy = await FaultProxy.start(realm);
    await proxy.use('silent');
    const verifier = verifierFor(realm, { config: proxy.config, timeout: 100 });
    await assertTemporary(verifier.verify('alice', 'wonderland'), 'ERR_KPASS_TIMEOUT', true);
  });

  it('is temporary if the queue is full', async () => {
    const verifier = verifierFor(realm, { threads: 1, queue: 0 });
    const first = verifier.verify('alice', 'wonderland');
    await assertTemporary(verifier.verify('alice', 'wonderland'), 'ERR_KPASS_BUSY', true);
    assert.equal((await first).verified, true);
  });

  it('is not temporary if krb5.conf, the keytab or the account must be changed first', async () => {
    const verify = (more: object) => verifierFor(realm, more).verify('alice', 'wonderland');
    await assertTemporary(verify({ config: '/nonexistent' }), 'ERR_KPASS_CONFIG', false);
    await assertTemporary(verify({ keytab: '/nonexistent' }), 'ERR_KPASS_KEYTAB', false);
    const keytab = await realm.writeWrongKeytab(SERVICE);
    await assertTemporary(verify({ keytab }), 'ERR_KPASS_UNVERIFIED', false);
    const disabled = kpassIn(realm, 'disabled', 'wonderland');
    await assertTemporary(disabled, 'ERR_KPASS_ACCOUNT', false);
  });

  it('is not temporary once the verifier is closed', async () => {
    const verifier = verifierFor(realm);
    verifier.close();
    const promise = verifier.verify('alice', 'wonderland');
    await assertTemporary(promise, 'ERR_KPASS_CLOSED', false);
  });

  it('of check() is temporary exactly if the answer is 503', async () => {
    for (const [more, temporary] of [
      [{ config: deserted }, true],
      [{ keytab: '/nonexistent' }, false],
    ] as const) {
      const auth = basicAuth({ ...optionsFor(realm, more), realm: 'the staff' });
      const promise = auth.check(requestWith(basic('alice', 'wonderland')));
      const error = (await failureOf(promise)) as RequestError;
      assert.deepEqual([error.statusCode === 503, error.temporary], [temporary, temporary]);
      auth.close();
    }
  });
});
