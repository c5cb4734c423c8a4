// changePassword(): with MIT's KDC and kadmind.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { PasswordChange, PasswordEvent } from 'kpass';
import { Realm } from 'kpass/testing';
import { BAD_INPUTS } from '../support/bad-input';
import { FaultProxy } from '../support/fault-proxy';
import { failureOf, verifierFor } from '../support/subject';

const OLD = 'the old password';
const NEW = 'the new pässwörd ☃ 🔑';

function changed(user: string): PasswordChange {
  return { changed: true, principal: `${user}@EXAMPLE.COM`, realm: 'EXAMPLE.COM' };
}

describe('a change of a password', () => {
  let realm: Realm;
  let users = 0;
  before(async () => {
    realm = await Realm.start({ passwords: true });
    const policies: [string, ...string[]][] = [
      ['long', '-minlength', '12'],
      ['classes', '-minclasses', '3'],
      ['history', '-history', '3'],
      ['slow', '-minlife', '1h'],
    ];
    for (const [name, ...words] of policies) await realm.kadmin('addpol', ...words, name);
  });
  after(() => realm?.stop());

  /** A new user with the password OLD. */
  async function newUser(options: Parameters<Realm['addUser']>[2] = {}): Promise<string> {
    users += 1;
    await realm.addUser(`user${users}`, OLD, options);
    return `user${users}`;
  }

  async function isPassword(user: string, password: string): Promise<boolean> {
    return (await verifierFor(realm).verify(user, password)).verified;
  }

  for (const state of ['active', 'password-expired', 'must-change'] as const) {
    it(`is made for a user whose state is ${state}`, async () => {
      const user = await newUser({ state });
      assert.deepEqual(await verifierFor(realm).changePassword(user, OLD, NEW), changed(user));
      assert.equal(await isPassword(user, NEW), true);
      assert.equal(await isPassword(user, OLD), false);
    });
  }

  it('is made from bytes, by a name with its realm, and leaves the bytes', async () => {
    const user = await newUser();
    const [old, fresh] = [Buffer.from(OLD), Buffer.from(NEW)];
    const change = verifierFor(realm).changePassword(`${user}@example.com`, old, fresh);
    assert.deepEqual([old.toString(), fresh.toString()], [OLD, NEW]);
    old.fill(0);
    fresh.fill(0);
    assert.deepEqual(await change, changed(user));
    assert.equal(await isPassword(user, NEW), true);
  });

  it('is made for a password of 1,024 bytes', async () => {
    const user = await newUser();
    const longest = 'x'.repeat(1_024);
    assert.deepEqual(await verifierFor(realm).changePassword(user, OLD, longest), changed(user));
    assert.deepEqual(await verifierFor(realm).changePassword(user, longest, NEW), changed(user));
  });

  for (const options of [{ transport: 'libkrb5' }, { canonicalize: true }] as const) {
    it(`is made with ${JSON.stringify(options)}`, async () => {
      const user = await newUser();
      const verifier = verifierFor(realm, options);
      assert.deepEqual(await verifier.changePassword(user, OLD, NEW), changed(user));
    });
  }

  it('is refused for a wrong old password, which is one count', async () => {
    const user = await newUser();
    assert.deepEqual(await verifierFor(realm).changePassword(user, 'wrong', NEW), {
      changed: false,
      reason: 'credentials',
    });
    assert.equal(await realm.failedCount(user), 1);
    assert.equal(await isPassword(user, OLD), true);
  });

  it('is refused for an unknown user', async () => {
    assert.deepEqual(await verifierFor(realm).changePassword('nobody', OLD, NEW), {
      changed: false,
      reason: 'credentials',
    });
  });

  for (const state of ['locked', 'expired', 'disabled'] as const) {
    it(`is refused for an account whose state is ${state}`, async () => {
      const user = await newUser({ state });
      assert.deepEqual(await verifierFor(realm).changePassword(user, OLD, NEW), {
        changed: false,
        reason: 'disabled',
      });
    });
  }

  describe("is refused by the realm's policy, in its own words, for", () => {
    const rows: [what: string, policy: string, password: string, words: RegExp][] = [
      ['a short password', 'long', 'short', /too short.*at least 12 characters/],
      ['one of few classes', 'classes', 'onlyletters', /at least 3 character classes/],
      ['an earlier one', 'history', OLD, /used previously/],
      ['one that comes too early', 'slow', NEW, /too young|changed too recently|soon/],
    ];
    for (const [what, policy, password, words] of rows) {
      it(what, async () => {
        const user = await newUser();
        await realm.kadmin('modprinc', '-policy', policy, user);
        const change = await verifierFor(realm).changePassword(user, OLD, password);
        assert(!change.changed);
        assert.equal(change.reason, 'rejected');
        assert.match(change.message ?? '', words);
        assert.doesNotMatch(change.message ?? '', /\p{Cc}/u);
        assert.equal(await isPassword(user, OLD), true);
      });
    }
  });

  describe('is refused before any packet for', () => {
    let proxy: FaultProxy;
    before(async () => {
      proxy = await FaultProxy.start(realm);
    });
    after(() => proxy?.stop());

    for (const [what, user, password] of BAD_INPUTS) {
      it(`${what}`, async () => {
        const verifier = verifierFor(realm, { config: proxy.config });
        const refused = { changed: false, reason: 'credentials' };
        assert.deepEqual(await verifier.changePassword(user, password, NEW), refused);
        if (user === 'alice') {
          assert.deepEqual(await verifier.changePassword(user, OLD, password), refused);
        }
        assert.equal(proxy.log.length, 0);
      });
    }
  });

  it('rejects for arguments of a wrong type, which it does not show', async () => {
    const verifier = verifierFor(realm) as unknown as {
      changePassword(...words: unknown[]): Promise<never>;
    };
    for (const [name, ...words] of [
      ['user', 5, OLD, NEW],
      ['oldPassword', 'alice', 5, NEW],
      ['newPassword', 'alice', OLD, undefined],
      ['options', 'alice', OLD, NEW, 'none'],
      ['timeout', 'alice', OLD, NEW, { timeout: '5' }],
    ]) {
      const message = new RegExp(`^${name} must be`);
      const expected = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message };
      await assert.rejects(verifier.changePassword(...words), expected);
    }
  });

  it('rejects after close()', async () => {
    const verifier = verifierFor(realm);
    verifier.close();
    const error = await failureOf(verifier.changePassword('alice', OLD, NEW));
    assert.equal(error.code, 'ERR_KPASS_CLOSED');
  });

  it('settles if the verifier is closed meanwhile', async () => {
    const user = await newUser();
    const verifier = verifierFor(realm);
    const change = verifier.changePassword(user, OLD, NEW);
    verifier.close();
    assert.deepEqual(await change, changed(user));
  });

  it('asks for no password without the key of the service', async () => {
    const user = await newUser();
    const verifier = verifierFor(realm, { keytab: '/nonexistent' });
    const error = await failureOf(verifier.changePassword(user, OLD, NEW));
    assert.equal(error.code, 'ERR_KPASS_KEYTAB');
    assert.equal(await isPassword(user, OLD), true);
  });

  it('is verified at the primary KDC, of which a replica knows nothing yet', async () => {
    const user = await newUser();
    await using replica = await realm.replicate();
    const verifier = verifierFor(realm, { config: replica.config });
    assert.deepEqual(await verifier.changePassword(user, OLD, NEW), changed(user));
    const stale = verifierFor(realm, {
      config: await replica.writeConfig({ kdcs: [`127.0.0.1:${replica.port}`] }),
    });
    assert.equal((await stale.verify(user, OLD)).verified, true);
  });

  describe("on the channel 'kpass:password'", () => {
    it('is told, with its outcome', async () => {
      const user = await newUser();
      const events: PasswordEvent[] = [];
      const note = (message: unknown) => events.push(message as PasswordEvent);
      subscribe('kpass:password', note);
      try {
        await verifierFor(realm).changePassword(user, 'wrong', NEW);
        await verifierFor(realm).changePassword(user, OLD, NEW);
        await failureOf(verifierFor(realm, { keytab: '/no' }).changePassword(user, OLD, NEW));
        const signal = AbortSignal.abort();
        await verifierFor(realm)
          .changePassword(user, OLD, NEW, { signal })
          .catch(() => {});
      } finally {
        unsubscribe('kpass:password', note);
      }
      const common = { service: 'HTTP', host: 'localhost' };
      for (const event of events) assert(event.duration >= 0);
      assert.deepEqual(
        events.map(({ duration, ...event }) => event),
        [
          {
            ...common,
            outcome: 'denied',
            step: 'krb5_get_init_creds_password',
            reason: 'credentials',
          },
          {
            ...common,
            outcome: 'changed',
            step: 'krb5_verify_init_creds',
            principal: `${user}@EXAMPLE.COM`,
          },
          {
            ...common,
            outcome: 'failed',
            step: 'krb5_kt_get_entry',
            code: 'ERR_KPASS_KEYTAB',
            krb5Name: 'ENOENT',
          },
          { ...common, outcome: 'aborted', step: 'abort' },
        ],
      );
    });
  });

  it('is traced, without a password', async () => {
    const user = await newUser();
    const lines: string[] = [];
    const verifier = verifierFor(realm, { trace: (line) => lines.push(line) });
    assert.equal((await verifier.changePassword(user, OLD, NEW)).changed, true);
    await new Promise(setImmediate);
    const text = lines.join('\n');
    assert.match(text, /kadmin\/changepw@EXAMPLE\.COM/);
    assert.match(text, new RegExp(`kpass asks TCP 127\\.0\\.0\\.1:${realm.passwordPort}`));
    assert.match(text, /HTTP\/localhost@EXAMPLE\.COM/);
    assert(!text.includes(OLD) && !text.includes(NEW));
  });

  describe('finds the password server', () => {
    async function changeWith(passwordServers: string[], more = ''): Promise<PasswordChange> {
      const config = await realm.writeConfig({ passwordServers, more });
      const user = await newUser();
      const change = await verifierFor(realm, { config }).changePassword(user, OLD, NEW);
      if (change.changed) assert.equal(change.principal, `${user}@EXAMPLE.COM`);
      return change;
    }

    it('by name', async () => {
      assert.equal((await changeWith([`localhost:${realm.passwordPort}`])).changed, true);
    });

    it('after one that refuses connections', async () => {
      const servers = ['127.0.0.1:1', `127.0.0.1:${realm.passwordPort}`];
      assert.equal((await changeWith(servers)).changed, true);
    });

    it('by IPv6, and behind a translation of addresses', async () => {
      await using relay = await relayTo(realm.passwordPort, '::1');
      assert.equal((await changeWith([`[::1]:${relay.port}`])).changed, true);
      assert.equal(relay.connections, 1);
    });

    it('and says which ones it tried', async () => {
      const config = await realm.writeConfig({ passwordServers: ['127.0.0.1:1', '[::1]:1'] });
      const user = await newUser();
      const error = await failureOf(verifierFor(realm, { config }).changePassword(user, OLD, NEW));
      assert.equal(error.code, 'ERR_KPASS_KDC');
      assert.equal(error.step, 'kpasswd_server');
      assert.match(
        error.message,
        /password server of realm EXAMPLE\.COM \(TCP 127\.0\.0\.1:1, TCP \[::1\]:1\)/,
      );
    });

    it('or says that none is known', async () => {
      const config = await realm.writeConfig({ passwordServers: [] });
      const user = await newUser();
      const error = await failureOf(verifierFor(realm, { config }).changePassword(user, OLD, NEW));
      assert.equal(error.code, 'ERR_KPASS_KDC');
      assert.match(error.message, /none is known/);
    });

    it('or says that krb5.conf has a mistake', async () => {
      const config = await realm.writeConfig({ passwordServers: ['host:x'] });
      const user = await newUser();
      const error = await failureOf(verifierFor(realm, { config }).changePassword(user, OLD, NEW));
      assert.equal(error.code, 'ERR_KPASS_CONFIG');
      assert.match(error.message, /kpasswd_server = host:x in realm EXAMPLE\.COM/);
    });

    it('on port 464 of admin_server', async () => {
      const more = '[realms]\n  EXAMPLE.COM = {\n    admin_server = 127.0.0.1:749\n  }\n';
      const config = await realm.writeConfig({ passwordServers: [], more });
      const user = await newUser();
      const error = await failureOf(verifierFor(realm, { config }).changePassword(user, OLD, NEW));
      assert.match(error.message, /TCP 127\.0\.0\.1:464/);
    });
  });
});

/** Passes TCP connections on to a port of 127.0.0.1. */
async function relayTo(port: number, host: string) {
  const relay = { port: 0, connections: 0 };
  const server = createServer((client) => {
    relay.connections += 1;
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.pipe(upstream).pipe(client);
  });
  await once(server.listen(0, host), 'listening');
  relay.port = (server.address() as { port: number }).port;
  return Object.assign(relay, {
    async [Symbol.asyncDispose]() {
      await once(server.close(), 'close');
    },
  });
}
