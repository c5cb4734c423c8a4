// kpass/http for users with a token: people type the password and the token's value into one field.

import { deepEqual, equal } from 'node:assert/strict';
import { type BasicAuth, basicAuth } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { optionsFor } from '../support/subject';

describe("kpass/http with otp: 'joined'", () => {
  let realm: Realm;
  let auth: BasicAuth;
  before(async () => {
    const token = { password: 'unused', token: 'only' } as const;
    realm = await Realm.start({ tokens: true, users: { plain: 'builder', token } });
    auth = basicAuth({
      ...optionsFor(realm, { fast: 'require', otp: 'joined' }),
      realm: 'the staff',
    });
  });
  after(async () => {
    auth?.close();
    await realm?.stop();
  });

  const verified = (user: string) => ({
    verified: true,
    principal: `${user}@EXAMPLE.COM`,
    realm: 'EXAMPLE.COM',
  });
  const DENIED = { verified: false, reason: 'credentials' };

  it('verifies a value, and does not remember it', async () => {
    realm.tokens.allow('token', 'secret123456');
    deepEqual(await auth.verify('token', 'secret123456'), verified('token'));
    realm.tokens.allow('token', 'secret123456');
    const before = realm.tokens.asked.length;
    deepEqual(await auth.verify('token', 'secret123456'), verified('token'));
    equal(realm.tokens.asked.length, before + 1);
    deepEqual(await auth.verify('token', 'secret123456'), DENIED);
  });

  it('does not share a value between requests at the same time', async () => {
    realm.tokens.allow('token', 'secret234567');
    const verdicts = await Promise.all(
      Array.from({ length: 4 }, () => auth.verify('token', 'secret234567')),
    );
    equal(verdicts.filter(({ verified }) => verified).length, 1);
  });

  it('remembers a password', async () => {
    deepEqual(await auth.verify('plain', 'builder'), verified('plain'));
    await realm.changePassword('plain', 'architect');
    deepEqual(await auth.verify('plain', 'builder'), verified('plain'));
  });
});
