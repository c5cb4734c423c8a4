// A realm whose users have tokens.

import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { verifierFor } from '../support/subject';

describe('a realm with tokens', () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({ tokens: true });
  });
  after(() => realm?.stop());

  it('lets a user log in by each value once', async () => {
    await realm.addUser('alice', 'unused', { token: 'only' });
    const verifier = verifierFor(realm, { fast: 'require', otp: 'alone' });
    const verdicts: boolean[] = [];
    realm.tokens.allow('alice', '123456');
    realm.tokens.allow('alice', '234567');
    for (const otp of ['123456', '123456', '234567', '345678']) {
      verdicts.push((await verifier.verify('alice', 'x', { otp })).verified);
    }
    deepEqual(verdicts, [true, false, true, false]);
    deepEqual(realm.tokens.asked, ['alice:123456', 'alice:123456', 'alice:234567', 'alice:345678']);
    equal(await realm.failedCount('alice'), 1);
  });

  it('keeps the password of a user who has a token as well', async () => {
    await realm.addUser('bob', 'builder', { token: 'also' });
    const verifier = verifierFor(realm, { fast: 'require' });
    equal((await verifier.verify('bob', 'builder')).verified, true);
  });

  it('knows two kinds of users with tokens', async () => {
    const token = 'maybe' as 'also';
    await rejects(realm.addUser('carol', 'x', { token }), TypeError);
  });

  it('is one that was started so', async () => {
    await using plain = await Realm.start();
    throws(() => plain.tokens, /tokens/);
  });
});
