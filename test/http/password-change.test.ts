// auth.changePassword(): a change of a password by way of a form.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { PasswordChange, PasswordEvent } from 'kpass';
import { type BasicAuth, type BasicAuthOptions, basicAuth } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../support/fault-proxy';
import { failureOf, optionsFor } from '../support/subject';

const OLD = 'the old password';
const NEW = 'the new password';
const REFUSED = { changed: false, reason: 'credentials' };
const DENIED = { verified: false, reason: 'credentials' };
const throttle = { attempts: 3, window: 60_000 };

describe('changePassword() of kpass/http', () => {
  let realm: Realm;
  let kdc: FaultProxy;
  let server: FaultProxy;
  let config: string;
  let users = 0;
  const open: BasicAuth[] = [];
  before(async () => {
    realm = await Realm.start({ passwords: true });
    await realm.kadmin('addpol', '-minlength', '40', 'long');
  });
  after(() => realm?.stop());
  beforeEach(async () => {
    kdc = await FaultProxy.start(realm);
    server = await FaultProxy.beforePasswords(realm);
    config = await realm.writeConfig({
      kdcs: [`127.0.0.1:${kdc.port}`],
      passwordServers: [`127.0.0.1:${server.port}`],
    });
  });
  afterEach(async () => {
    for (const auth of open.splice(0)) auth.close();
    await kdc.stop();
    await server.stop();
  });

  function authFor(more: Partial<BasicAuthOptions> = {}): BasicAuth {
    const auth = basicAuth({ ...optionsFor(realm), config, realm: 'the staff', ...more });
    open.push(auth);
    return auth;
  }

  async function newUser(options: Parameters<Realm['addUser']>[2] = {}): Promise<string> {
    users += 1;
    await realm.addUser(`user${users}`, OLD, options);
    return `user${users}`;
  }

  const changed = (user: string): PasswordChange => ({
    changed: true,
    principal: `${user}@EXAMPLE.COM`,
    realm: 'EXAMPLE.COM',
  });

  it('changes an expired password', async () => {
    const user = await newUser({ state: 'password-expired' });
    const auth = authFor();
    assert.deepEqual(await auth.verify(user, OLD), { verified: false, reason: 'expired' });
    assert.deepEqual(await auth.changePassword(user, OLD, Buffer.from(NEW)), changed(user));
    assert.equal((await auth.verify(user, NEW)).verified, true);
  });

  it('never changes the bytes of the passwords', async () => {
    const [old, fresh] = [Buffer.from(OLD), Buffer.from(NEW)];
    await authFor().changePassword(await newUser(), old, fresh);
    assert.deepEqual([old.toString(), fresh.toString()], [OLD, NEW]);
  });

  const nonsense = [undefined, null, 1, {}, ['alice'], '', 'a\0b', '\ud800', 'x'.repeat(2_000)];
  it('refuses what no form of a person sends, without a packet', async () => {
    const auth = authFor();
    for (const value of nonsense) {
      assert.deepEqual(await auth.changePassword(value, OLD, NEW), REFUSED);
      assert.deepEqual(await auth.changePassword('alice', value, NEW), REFUSED);
      assert.deepEqual(await auth.changePassword('alice', OLD, value), REFUSED);
    }
    assert.equal(kdc.log.length, 0);
  });

  it('remembers nothing of the old password, by any name of the account', async () => {
    const user = await newUser();
    const auth = authFor();
    for (const name of [user, `${user}@EXAMPLE.COM`]) {
      assert.equal((await auth.verify(name, OLD)).verified, true);
    }
    await auth.changePassword(`${user}@example.com`, OLD, NEW);
    assert.deepEqual(await auth.verify(user, OLD), DENIED);
  });

  it('remembers no denial of the new password', async () => {
    const user = await newUser();
    const auth = authFor({ throttle });
    assert.deepEqual(await auth.verify(user, NEW), DENIED);
    await auth.changePassword(user, OLD, NEW);
    assert.equal((await auth.verify(user, NEW)).verified, true);
  });

  it('remembers nothing of a login with the old password that ends after the change', async () => {
    const user = await newUser();
    const auth = authFor();
    await kdc.use(({ n }) => (n === 2 ? { delay: 500 } : 'pass'));
    const login = auth.verify(user, OLD);
    await until(() => kdc.log.length === 2);
    assert.deepEqual(await auth.changePassword(user, OLD, NEW), changed(user));
    assert.equal((await login).verified, true);
    assert.deepEqual(await auth.verify(user, OLD), DENIED);
  });

  it('remembers nothing of the old password if it may have changed', async () => {
    const user = await newUser();
    const auth = authFor();
    assert.equal((await auth.verify(user, OLD)).verified, true);
    await server.use({ reply: () => null });
    const error = await failureOf(auth.changePassword(user, OLD, NEW));
    assert.deepEqual([error.code, error.step], ['ERR_KPASS_TIMEOUT', 'kpasswd']);
    assert.deepEqual(await auth.verify(user, OLD), DENIED);
    assert.equal((await auth.verify(user, NEW)).verified, true);
  });

  it('keeps what it remembers of a password that was not changed', async () => {
    const user = await newUser();
    await realm.kadmin('modprinc', '-policy', 'long', user);
    const auth = authFor();
    await auth.verify(user, OLD);
    const change = await auth.changePassword(user, OLD, NEW);
    assert(!change.changed);
    assert.equal(change.reason, 'rejected');
    assert.match(change.message ?? '', /at least 40 characters/);
    kdc.reset();
    assert.equal((await auth.verify(user, OLD)).verified, true);
    assert.equal(kdc.log.length, 0);
  });

  it('makes one change of equal ones at once', async () => {
    const user = await newUser();
    const auth = authFor();
    const all = await Promise.all(
      Array.from({ length: 10 }, () => auth.changePassword(user, OLD, NEW)),
    );
    for (const change of all) assert.deepEqual(change, changed(user));
    assert.equal(server.log.length, 1);
    assert.equal(await realm.failedCount(user), 0);
  });

  it('goes on after an abort, which ends the wait of one caller only', async () => {
    const user = await newUser();
    const auth = authFor();
    await server.use({ delay: 100 });
    const controller = new AbortController();
    const gone = auth.changePassword(user, OLD, NEW, { signal: controller.signal });
    const stays = auth.changePassword(user, OLD, NEW);
    const reason = new Error('gone');
    controller.abort(reason);
    await assert.rejects(gone, reason);
    assert.deepEqual(await stays, changed(user));
  });

  it('rejects for options of a wrong type, and after close()', async () => {
    const auth = authFor();
    const wrong = { timeout: 5 } as unknown as { signal?: AbortSignal };
    await assert.rejects(auth.changePassword('alice', OLD, NEW, wrong), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
    auth.close();
    const error = await failureOf(auth.changePassword('alice', OLD, NEW));
    assert.equal(error.code, 'ERR_KPASS_CLOSED');
  });

  describe('under the throttle', () => {
    it('counts a wrong old password as that of a login, in both directions', async () => {
      const user = await newUser();
      const auth = authFor({ throttle });
      await auth.verify(user, 'wrong 1');
      assert.deepEqual(await auth.changePassword(user, 'wrong 2', NEW), REFUSED);
      assert.deepEqual(await auth.changePassword(user, 'wrong 3', NEW), REFUSED);
      assert.equal(await realm.failedCount(user), 3);
      assert.deepEqual(await auth.changePassword(user, OLD, NEW), REFUSED);
      assert.deepEqual(await auth.verify(user, OLD), DENIED);
      assert.equal(await realm.failedCount(user), 3);
      assert.equal(server.log.length, 0);
    });

    it('asks the KDC once about one wrong old password', async () => {
      const user = await newUser();
      const auth = authFor({ throttle });
      for (let i = 0; i < 3; i++) {
        assert.deepEqual(await auth.changePassword(user, 'wrong', `${NEW} ${i}`), REFUSED);
      }
      assert.equal(await realm.failedCount(user), 1);
    });

    it('ends the count with a change', async () => {
      const user = await newUser();
      const auth = authFor({ throttle });
      await auth.verify(user, 'wrong 1');
      await auth.verify(user, 'wrong 2');
      assert.deepEqual(await auth.changePassword(user, OLD, NEW), changed(user));
      await auth.verify(user, 'wrong 3');
      await auth.verify(user, 'wrong 4');
      assert.equal((await auth.verify(user, NEW)).verified, true);
    });

    it('counts an old password whose proof left, if the KDC does not answer', async () => {
      const user = await newUser();
      const auth = authFor({ throttle: { ...throttle, attempts: 1 }, timeout: 500 });
      await kdc.use(({ n }) => (n === 1 ? 'pass' : { reply: () => null }));
      await assert.rejects(auth.changePassword(user, 'wrong', NEW), { code: 'ERR_KPASS_TIMEOUT' });
      assert.equal(await realm.failedCount(user), 1);
      await kdc.use('pass');
      // Until its lease is over, others wait for it.
      await assert.rejects(auth.verify(user, OLD), { code: 'ERR_KPASS_BUSY' });
      assert.equal(await realm.failedCount(user), 1);
    });

    it('does not end the count with a refusal of the new password', async () => {
      const user = await newUser();
      await realm.kadmin('modprinc', '-policy', 'long', user);
      const auth = authFor({ throttle });
      await auth.verify(user, 'wrong 1');
      await auth.verify(user, 'wrong 2');
      const change = await auth.changePassword(user, OLD, NEW);
      assert.equal(change.changed ? '' : change.reason, 'rejected');
      await auth.verify(user, 'wrong 3');
      assert.deepEqual(await auth.verify(user, OLD), DENIED);
    });

    it("tells 'kpass:password' of a refusal that no KDC sees", async () => {
      const user = await newUser();
      const auth = authFor({ throttle });
      for (const n of [1, 2, 3]) await auth.verify(user, `wrong ${n}`);
      const events: PasswordEvent[] = [];
      const note = (message: unknown) => events.push(message as PasswordEvent);
      subscribe('kpass:password', note);
      await auth.changePassword(user, OLD, NEW);
      await auth.changePassword('', OLD, NEW);
      unsubscribe('kpass:password', note);
      assert.deepEqual(
        events.map(({ outcome, step, reason }) => [outcome, step, reason]),
        [
          ['denied', 'throttle', 'credentials'],
          ['denied', 'input', 'credentials'],
        ],
      );
    });
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
