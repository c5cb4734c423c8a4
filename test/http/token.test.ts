// kpass/http for users with a token: people type the password and the token's value into one field.

import { deepEqual, equal } from 'node:assert/strict';
import { type BasicAuth, basicAuth } from 'kpass/http';
import { type OtpRealm, startOtpRealm } from '../support/otp';
import { optionsFor } from '../support/subject';

describe("kpass/http with otp: 'joined'", () => {
  let scene: OtpRealm;
  let auth: BasicAuth;
  before(async () => {
    scene = await startOtpRealm({ users: { plain: 'builder' } });
    await scene.addTokenUser('token');
    auth = basicAuth({
      ...optionsFor(scene.realm, { fast: 'require', otp: 'joined' }),
      realm: 'the staff',
    });
  });
  after(async () => {
    auth?.close();
    await scene?.[Symbol.asyncDispose]();
  });

  const verified = (user: string) => ({
    verified: true,
    principal: `${user}@EXAMPLE.COM`,
    realm: 'EXAMPLE.COM',
  });
  const DENIED = { verified: false, reason: 'credentials' };

  it('verifies a value, and does not remember it', async () => {
    scene.radius.allow('token', 'secret123456');
    deepEqual(await auth.verify('token', 'secret123456'), verified('token'));
    scene.radius.allow('token', 'secret123456');
    const before = scene.radius.asked.length;
    deepEqual(await auth.verify('token', 'secret123456'), verified('token'));
    equal(scene.radius.asked.length, before + 1);
    deepEqual(await auth.verify('token', 'secret123456'), DENIED);
  });

  it('does not share a value between requests at the same time', async () => {
    scene.radius.allow('token', 'secret234567');
    const verdicts = await Promise.all(
      Array.from({ length: 4 }, () => auth.verify('token', 'secret234567')),
    );
    equal(verdicts.filter(({ verified }) => verified).length, 1);
  });

  it('remembers a password', async () => {
    deepEqual(await auth.verify('plain', 'builder'), verified('plain'));
    await scene.realm.changePassword('plain', 'architect');
    deepEqual(await auth.verify('plain', 'builder'), verified('plain'));
  });
});
