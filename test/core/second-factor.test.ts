// Second factors: users whose KDC asks for the value of a token (OTP, RFC 6560).

import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import { Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { kpassIn, optionsFor, verifierFor } from '../support/subject';

const verified = (user: string) => ({
  verified: true,
  principal: `${user}@EXAMPLE.COM`,
  realm: 'EXAMPLE.COM',
});
const denied = (reason: string) => ({ verified: false, reason });

describe('a user with a token', () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({
      tokens: true,
      users: {
        both: { password: 'wonderland', lockout: 50, token: 'also' },
        token: { password: 'unused', token: 'only' },
        plain: 'builder',
      },
    });
  });
  after(() => realm?.stop());
  afterEach(() => realm.unlock('both'));

  let last = 100_000;
  /** A value that the user's token shows now, with the password before it if that is asked for. */
  function value(user: string, before = ''): string {
    const shown = String(last++);
    realm.tokens.allow(user, before + shown);
    return shown;
  }
  const verifier = (otp: 'never' | 'joined' | 'alone', fast: 'try' | 'require' = 'require') =>
    verifierFor(realm, { fast, otp });

  describe("with otp: 'never'", () => {
    it('alone is denied, and nothing is sent', async () => {
      const before = realm.tokens.asked.length;
      deepEqual(await verifier('never').verify('token', 'any'), denied('second-factor'));
      equal(realm.tokens.asked.length, before);
    });

    it('alone is denied, and the process lives', async () => {
      const { code, stdout } = await runProgram(
        realm,
        `new Verifier({ ...options, fast: 'require' }).verify('token', 'any')
           .then(({ reason }) => console.log(reason));`,
      );
      deepEqual([code, stdout], [0, 'second-factor\n']);
    });

    it('as well as a password logs in by the password', async () => {
      deepEqual(await verifier('never').verify('both', 'wonderland'), verified('both'));
      deepEqual(await verifier('never').verify('both', 'wrong'), denied('credentials'));
      equal(await realm.failedCount('both'), 1);
    });

    it('makes kpass() reject with ERR_KPASS_ACCOUNT', async () => {
      const more = { service: 'HTTP', fast: 'require' } as const;
      await rejects(kpassIn(realm, 'token', 'any', more), {
        code: 'ERR_KPASS_ACCOUNT',
        reason: 'second-factor',
      });
    });

    it('cannot give a value', async () => {
      await rejects(verifier('never').verify('token', 'any', { otp: '123456' }), {
        code: 'ERR_INVALID_ARG_VALUE',
      });
    });
  });

  describe("with otp: 'alone'", () => {
    it('logs in by the value, once', async () => {
      const otp = value('token');
      const subject = verifier('alone');
      deepEqual(await subject.verify('token', 'any', { otp }), verified('token'));
      deepEqual(await subject.verify('token', 'any', { otp }), denied('credentials'));
    });

    it('is denied with a wrong value, which counts once', async () => {
      const before = realm.tokens.asked.length;
      const subject = verifier('alone');
      deepEqual(await subject.verify('both', 'x', { otp: '000000' }), denied('credentials'));
      equal(realm.tokens.asked.length, before + 1);
      equal(await realm.failedCount('both'), 1);
    });

    for (const otp of [undefined, '']) {
      it(`is denied without a value (${otp})`, async () => {
        deepEqual(await verifier('alone').verify('token', 'any', { otp }), denied('second-factor'));
      });
    }

    it('logs in by the password where there is no value', async () => {
      deepEqual(await verifier('alone').verify('both', 'wonderland'), verified('both'));
      deepEqual(await verifier('alone').verify('plain', 'builder'), verified('plain'));
      deepEqual(await verifier('alone').verify('plain', 'wrong'), denied('credentials'));
    });

    for (const otp of ['12\x003456', 'x'.repeat(129), '\ud800']) {
      it(`is denied with the malformed value ${JSON.stringify(otp.slice(0, 8))}`, async () => {
        const before = realm.tokens.asked.length;
        deepEqual(await verifier('alone').verify('token', 'x', { otp }), denied('credentials'));
        equal(realm.tokens.asked.length, before);
      });
    }
  });

  describe("with otp: 'joined'", () => {
    it('logs in by the password with the value after it', async () => {
      const otp = value('token', 'secret');
      deepEqual(await verifier('joined').verify('token', 'secret', { otp }), verified('token'));
      equal(realm.tokens.asked.at(-1), `token:secret${otp}`);
    });

    it('logs in by both in one field', async () => {
      const otp = value('token', 'secret');
      deepEqual(await verifier('joined').verify('token', `secret${otp}`), verified('token'));
    });

    it('as well as a password logs in by the password alone, unless a value is given', async () => {
      const before = realm.tokens.asked.length;
      deepEqual(await verifier('joined').verify('both', 'wonderland'), verified('both'));
      equal(realm.tokens.asked.length, before);
      const otp = value('both', 'wonderland');
      deepEqual(await verifier('joined').verify('both', 'wonderland', { otp }), verified('both'));
      equal(realm.tokens.asked.at(-1), `both:wonderland${otp}`);
    });

    it('and other users log in by their passwords', async () => {
      deepEqual(await verifier('joined').verify('plain', 'builder'), verified('plain'));
      deepEqual(await verifier('joined').verify('plain', 'wrong'), denied('credentials'));
    });

    it('and users without preauthentication log in by their passwords', async () => {
      await realm.addUser('early', 'bird', { preauth: false });
      deepEqual(await verifier('joined').verify('early', 'bird'), verified('early'));
      deepEqual(await verifier('joined').verify('early', 'worm'), denied('credentials'));
    });
  });

  it("waits for the armor at the first login with fast: 'try'", async () => {
    const config = await realm.writeConfig();
    const subject = verifierFor(realm, { config, otp: 'alone' });
    const otp = value('token');
    deepEqual(await subject.verify('token', 'any', { otp }), verified('token'));
  });

  it('logs in 64 times at once', async () => {
    const subject = verifier('alone');
    const calls = Array.from({ length: 64 }, () =>
      subject.verify('token', 'any', { otp: value('token') }),
    );
    for (const verdict of await Promise.all(calls)) deepEqual(verdict, verified('token'));
  });

  it('needs armor', () => {
    const options = optionsFor(realm, { fast: 'never', otp: 'joined' });
    throws(() => new Verifier(options), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});
