// The accounts of a Realm, as kpass and MIT's client see them.

import { deepEqual, doesNotMatch, equal, match, rejects } from 'node:assert/strict';
import { Verifier } from 'kpass';
import { type AccountState, Realm, type User } from 'kpass/testing';
import { kinit } from '../support/kinit';

/** kpass's outcome for the right password, by the account's state. */
const OUTCOMES: Record<AccountState, string> = {
  active: 'verified',
  'password-expired': 'expired',
  'must-change': 'expired',
  expired: 'disabled',
  disabled: 'disabled',
  locked: 'disabled',
};
const STATES = Object.keys(OUTCOMES) as AccountState[];

/** The errors of MIT's client, by the account's state. */
const MESSAGES: Partial<Record<AccountState, RegExp>> = {
  'password-expired': /Password expired/,
  'must-change': /Password expired/,
  expired: /entry in database has expired/,
  disabled: /have been revoked/,
  locked: /have been revoked/,
};

describe('the users of a Realm', () => {
  let realm: Realm;
  let verifier: Verifier;
  before(async () => {
    const users = STATES.map((state): [string, User] => [state, { password: 'secret', state }]);
    realm = await Realm.start({
      users: {
        alice: 'wonderland',
        'alice/admin': 'looking glass',
        zoë: 'pässwörd ☃ 密码 🔑',
        sha2: { password: 'secret', enctypes: ['aes256-cts-hmac-sha384-192'] },
        easy: { password: 'secret', preauth: false },
        brief: { password: 'secret', flags: ['-maxlife', '1 hour'] },
        ...Object.fromEntries(users),
      },
    });
    verifier = new Verifier({
      service: 'HTTP',
      host: 'localhost',
      keytab: realm.keytab('HTTP/localhost'),
      config: realm.config,
    });
  });
  after(async () => {
    verifier?.close();
    await realm?.stop();
  });

  async function outcome(user: string, password: string): Promise<string> {
    const verdict = await verifier.verify(user, password);
    return verdict.verified ? 'verified' : verdict.reason;
  }

  async function fail(user: string, times: number): Promise<void> {
    for (let n = 0; n < times; n++) await verifier.verify(user, `wrong ${n}`);
  }

  for (const [user, password] of [
    ['alice', 'wonderland'],
    ['alice/admin', 'looking glass'],
    ['zoë', 'pässwörd ☃ 密码 🔑'],
    ['sha2', 'secret'],
    ['easy', 'secret'],
    ['brief', 'secret'],
  ] as const) {
    it(`let ${user} in with the right password only`, async () => {
      equal(await outcome(user, password), 'verified');
      equal(await outcome(user, `${password}!`), 'credentials');
    });
  }

  it('have the requested keys and flags', async () => {
    match(await realm.kadmin('getprinc', 'sha2'), /^Key: vno 1, aes256-cts-hmac-sha384-192$/m);
    doesNotMatch(await realm.kadmin('getprinc', 'sha2'), /sha1/);
    match(await realm.kadmin('getprinc', 'easy'), /^Attributes:\s*$/m);
    match(await realm.kadmin('getprinc', 'alice'), /^Attributes: REQUIRES_PRE_AUTH$/m);
    match(await realm.kadmin('getprinc', 'brief'), /^Maximum ticket life: 0 days 01:00:00$/m);
  });

  describe('in the state', () => {
    for (const state of STATES) {
      it(`${state} from the start`, async () => {
        equal(await outcome(state, 'secret'), OUTCOMES[state]);
        const { code, stdout, stderr } = await kinit(realm.config, state, 'secret');
        equal(code === 0, state === 'active', stderr);
        match(stdout + stderr, MESSAGES[state] ?? /./);
      });

      it(`${state} when they are added with a name that Kerberos escapes`, async () => {
        for (const name of ['back\\\\slash', 'at\\@sign', 'two words', 'ünï', `o'b"rien`]) {
          const user = `${name}/${state}`;
          await realm.addUser(user, 'secret', { state });
          const { code, stdout, stderr } = await kinit(realm.config, user, 'secret');
          equal(code === 0, state === 'active', stderr);
          match(stdout + stderr, MESSAGES[state] ?? /./);
        }
      });

      it(`${state} before and after any other state`, async () => {
        const user = `from-${state}`;
        await realm.addUser(user, 'secret');
        for (const other of STATES) {
          await realm.setState(user, state);
          equal(await outcome(user, 'secret'), OUTCOMES[state], `before ${other}`);
          await realm.setState(user, other);
          equal(await outcome(user, 'secret'), OUTCOMES[other], `${other} after it`);
        }
      });
    }
  });

  describe('with a lockout', () => {
    it('are locked by that many wrong passwords, and let in again after unlock()', async () => {
      await realm.addUser('careful', 'secret', { lockout: 2 });
      await fail('careful', 1);
      equal(await outcome('careful', 'secret'), 'verified');
      equal(await realm.failedCount('careful'), 0);
      await fail('careful', 2);
      equal(await realm.failedCount('careful'), 2);
      equal(await outcome('careful', 'secret'), 'disabled');
      await realm.unlock('careful');
      equal(await realm.failedCount('careful'), 0);
      equal(await outcome('careful', 'secret'), 'verified');
    });

    it('have a new count after unlock()', async () => {
      // After an unlock by kadmin, failures within the same second would count as one.
      await realm.addUser('again', 'secret', { lockout: 3, state: 'locked' });
      equal(await realm.failedCount('again'), 3);
      await realm.unlock('again');
      await fail('again', 3);
      equal(await realm.failedCount('again'), 3);
      equal(await outcome('again', 'secret'), 'disabled');
    });

    it('can be locked in the second in which kadmin has unlocked them', async () => {
      await realm.addUser('unlocked', 'secret');
      await realm.kadmin('modprinc', '-unlock', 'unlocked');
      await realm.setState('unlocked', 'locked');
      equal(await outcome('unlocked', 'secret'), 'disabled');
    });

    it('are locked without pre-authentication as well', async () => {
      await realm.addUser('lax', 'secret', { preauth: false, state: 'locked' });
      equal(await outcome('lax', 'secret'), 'disabled');
    });

    it('each have a lockout of their own', async () => {
      await Promise.all(
        [1, 2, 4, 1].map((lockout, n) => realm.addUser(`lockout${n}`, 'secret', { lockout })),
      );
      await fail('lockout2', 3);
      equal(await outcome('lockout2', 'secret'), 'verified');
      for (const user of ['lockout0', 'lockout3']) {
        await fail(user, 1);
        equal(await outcome(user, 'secret'), 'disabled');
      }
      await realm.kadmin('delprinc', 'lockout0');
      await realm.addUser('lockout0', 'secret');
      await realm.setState('lockout0', 'locked');
      equal(await outcome('lockout0', 'secret'), 'disabled');
      await realm.setState('lockout2', 'locked');
      equal(await realm.failedCount('lockout2'), 4);
    });
  });

  it('without a lockout are never locked, but counted', async () => {
    await realm.addUser('patient', 'secret');
    await fail('patient', 12);
    equal(await realm.failedCount('patient'), 12);
    equal(await outcome('patient', 'secret'), 'verified');
    equal(await realm.failedCount('patient'), 0);
  });

  it('can get another password', async () => {
    await realm.addUser('changing', 'old', { state: 'must-change' });
    equal(await outcome('changing', 'old'), 'expired');
    await realm.changePassword('changing', 'new: "x y"');
    equal(await outcome('changing', 'new: "x y"'), 'verified');
    equal(await outcome('changing', 'old'), 'credentials');
  });

  it('can be removed, and added again', async () => {
    await realm.addUser('leaving', 'secret', { lockout: 7 });
    equal(await outcome('leaving', 'secret'), 'verified');
    await realm.removeUser('leaving');
    equal(await outcome('leaving', 'secret'), 'credentials');
    await realm.addUser('leaving', 'back', { lockout: 7 });
    equal(await outcome('leaving', 'back'), 'verified');
  });

  it('are named in errors if they exist already, or do not exist', async () => {
    await rejects(
      realm.addUser('alice', 'x'),
      /already exists while creating "alice@EXAMPLE\.COM"/,
    );
    const missing: Record<string, () => Promise<unknown>> = {
      removeUser: () => realm.removeUser('nobody'),
      changePassword: () => realm.changePassword('nobody', 'x'),
      setState: () => realm.setState('nobody', 'disabled'),
      failedCount: () => realm.failedCount('nobody'),
      unlock: () => realm.unlock('nobody'),
    };
    for (const [method, call] of Object.entries(missing)) {
      await rejects(call, /nobody/, method);
    }
  });

  it('are not added with options that have no meaning', async () => {
    const mistakes: [never, RegExp][] = [
      [{ state: 'dead' } as never, /'dead'; one is active, password-expired, must-change/],
      [{ state: 'toString' } as never, /'toString'/],
      [{ lockout: 0 } as never, /not after 0/],
      [{ lockout: 1.5 } as never, /not after 1\.5/],
      ['-allow_tix' as never, /an object of enctypes, flags, .*, not '-allow_tix'/],
      [{ stat: 'disabled' } as never, /no option 'stat'; there are enctypes, .*state/],
    ];
    for (const [options, message] of mistakes) {
      await rejects(realm.addUser('mistake', 'x', options), { name: 'TypeError', message });
    }
    await rejects(realm.addService('mistake', '-allow_svr' as never), TypeError);
    await rejects(realm.setState('alice', 'dead' as never), TypeError);
    await rejects(realm.addUser('mistake', undefined as never), TypeError);
    await rejects(realm.changePassword('alice', 5 as never), TypeError);
    const users = { mistake: { password: 'x', state: 'dead' as never } };
    await rejects(Realm.start({ users }), TypeError);
    const left = (await realm.kadmin('listprincs')).split('\n');
    deepEqual(
      left.filter((name) => name.startsWith('mistake')),
      [],
    );
  });
});
