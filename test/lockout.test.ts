// One attempt, one count: who mistypes a password once must not be half-way to a lockout.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { kinit } from './support/kinit';
import { type Replicated, replicate } from './support/realms';
import { verifierFor } from './support/subject';

describe('one wrong password, with a replica and a primary', () => {
  let primary: Realm;
  let realms: Replicated;
  before(async () => {
    primary = await Realm.start({ users: { alice: 'wonderland', bob: 'x', carol: 'x', dan: 'x' } });
    realms = await replicate(primary);
  });
  after(async () => {
    await realms?.replica.stop();
    await primary?.stop();
  });

  it('counts twice when libkrb5 is left alone', async () => {
    await kinit(realms.config, 'bob', 'wrong');
    assert.equal(await realms.failedCount('bob'), 2);
  });

  for (const canonicalize of [false, true]) {
    it(`counts once${canonicalize ? ', by way of a TGT' : ''}`, async () => {
      const user = canonicalize ? 'carol' : 'alice';
      const verifier = verifierFor(primary, { config: realms.config, canonicalize });
      assert.deepEqual(await verifier.verify(user, 'wrong'), {
        verified: false,
        reason: 'credentials',
      });
      assert.equal(await realms.failedCount(user), 1);
      await verifier.verify(user, 'wrong again');
      assert.equal(await realms.failedCount(user), 2);
    });
  }

  it('is still asked of the primary for a user whom the replica does not know yet', async () => {
    await primary.addUser('newcomer', 'here I am');
    const verifier = verifierFor(primary, { config: realms.config });
    assert.equal((await verifier.verify('newcomer', 'here I am')).verified, true);
    assert.equal((await verifier.verify('newcomer', 'wrong')).verified, false);
  });

  it('counts once when it is refused by the only KDC', async () => {
    await verifierFor(primary).verify('dan', 'wrong');
    assert.equal(await realms.failedCount('dan'), 1);
  });
});
