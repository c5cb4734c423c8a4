// One attempt, one count: a user who mistypes a password once must not be half-way to a lockout.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../support/fault-proxy';
import { kinit } from '../support/kinit';
import { libkrb5Has } from '../support/libkrb5';
import { verifierFor } from '../support/subject';

/** The number of wrong passwords that all KDCs together have counted for a user. */
async function failures(user: string, ...kdcs: Realm[]): Promise<number> {
  const counts = await Promise.all(kdcs.map((kdc) => kdc.failedCount(user)));
  return counts.reduce((sum, count) => sum + count, 0);
}

describe('one wrong password, with a replica and a primary', () => {
  let primary: Realm;
  let replica: Realm;
  before(async () => {
    primary = await Realm.start({ users: { alice: 'wonderland', bob: 'x', carol: 'x', dan: 'x' } });
    replica = await primary.replicate();
  });
  after(async () => {
    await replica?.stop();
    await primary?.stop();
  });

  it('counts twice when libkrb5 is left alone', async () => {
    await kinit(replica.config, 'bob', 'wrong');
    assert.equal(await failures('bob', primary, replica), 2);
  });

  for (const canonicalize of [false, true]) {
    it(`counts once${canonicalize ? ', by way of a TGT' : ''}`, async () => {
      const user = canonicalize ? 'carol' : 'alice';
      const verifier = verifierFor(primary, { config: replica.config, canonicalize });
      assert.deepEqual(await verifier.verify(user, 'wrong'), {
        verified: false,
        reason: 'credentials',
      });
      assert.equal(await failures(user, primary, replica), 1);
      await verifier.verify(user, 'wrong again');
      assert.equal(await failures(user, primary, replica), 2);
    });
  }

  for (const transport of ['kpass', 'libkrb5'] as const) {
    it(`counts once under armor (${transport})`, async () => {
      const user = `armored-${transport}`;
      for (const kdc of [primary, replica]) await kdc.addUser(user, 'x');
      const { config } = replica;
      const verifier = verifierFor(primary, { config, transport, fast: 'require' });
      for (const count of [1, 2]) {
        assert.deepEqual(await verifier.verify(user, 'wrong'), {
          verified: false,
          reason: 'credentials',
        });
        assert.equal(await failures(user, primary, replica), count);
      }
      assert.equal(verifier.stats.armored, 2);
    });

    it(`is sent to the primary under armor for a user that the replica does not know (${transport})`, async () => {
      const user = `newcomer-${transport}`;
      await primary.addUser(user, 'here I am');
      const { config } = replica;
      const verifier = verifierFor(primary, { config, transport, fast: 'require' });
      // libkrb5 1.22 asks the primary KDC no more if the hook has changed the replica's reply.
      const asked = transport === 'kpass' || !libkrb5Has('request_timeout');
      assert.equal((await verifier.verify(user, 'here I am')).verified, asked);
      assert.equal((await verifier.verify(user, 'wrong')).verified, false);
      assert.equal(await failures(user, primary), asked ? 1 : 0);
    });
  }

  it('counts once for an enterprise name', async () => {
    const principal = 'erin\\@corp.example@EXAMPLE.COM';
    for (const kdc of [primary, replica]) {
      await kdc.kadmin('addprinc', '+requires_preauth', '-pw', 'x', principal);
    }
    const more = { canonicalize: true, upnSuffixes: ['corp.example'] };
    const verifier = verifierFor(primary, { config: replica.config, ...more });
    for (const count of [1, 2]) {
      assert.deepEqual(await verifier.verify('erin@corp.example', `wrong ${count}`), {
        verified: false,
        reason: 'credentials',
      });
      assert.equal(await failures(principal, primary, replica), count);
    }
  });

  it('is still sent to the primary for a user that the replica does not know yet', async () => {
    await primary.addUser('newcomer', 'here I am');
    const verifier = verifierFor(primary, { config: replica.config });
    assert.equal((await verifier.verify('newcomer', 'here I am')).verified, true);
    assert.equal((await verifier.verify('newcomer', 'wrong')).verified, false);
  });

  it('counts once when the only KDC denies it', async () => {
    await verifierFor(primary).verify('dan', 'wrong');
    assert.equal(await failures('dan', primary, replica), 1);
  });
});

describe('wrong passwords under load', () => {
  let primary: Realm;
  let replica: Realm;
  let slow: FaultProxy[] = [];
  before(async () => {
    const names = ['alice', 'bob', 'carol', 'dan', 'erin', 'frank', 'grace'];
    primary = await Realm.start({ users: Object.fromEntries(names.map((name) => [name, 'x'])) });
    replica = await primary.replicate();
    slow = await Promise.all([replica, primary].map((realm) => FaultProxy.start(realm)));
    for (const proxy of slow) await proxy.use({ delay: 1_250 });
  });
  after(async () => {
    for (const proxy of slow) await proxy.stop();
    await replica?.stop();
    await primary?.stop();
  });

  it('count at most 50, with 50 at once', async () => {
    const verifier = verifierFor(primary, { config: replica.config });
    const calls = Array.from({ length: 50 }, () => verifier.verify('alice', 'wrong'));
    for (const { verified } of await Promise.all(calls)) assert.equal(verified, false);
    const count = await failures('alice', primary, replica);
    assert(count > 0 && count <= 50, `${count}`);
  });

  // A KDC that has not answered for 2 s gets the proof again. Under a sanitizer, 50 at once take longer.
  const atOnce = process.env.KPASS_SLOW === undefined ? 50 : 10;
  it(`count at most ${atOnce}, with ${atOnce} at once, a slow replica and a slow primary`, async () => {
    const [first = 0, second = 0] = slow.map((proxy) => proxy.port);
    const kdcs = [`localhost:${first}`, `127.0.0.1:${second}`] as const;
    const config = await primary.writeConfig({ kdcs, primary: kdcs[1] });
    const verifier = verifierFor(primary, { config, threads: atOnce, timeout: 60_000 });
    const calls = Array.from({ length: atOnce }, () => verifier.verify('grace', 'wrong'));
    for (const { verified } of await Promise.all(calls)) assert.equal(verified, false);
    const count = await failures('grace', primary, replica);
    assert(count > 0 && count <= atOnce, `${count}`);
  });

  it('count once each, with a slow KDC at two addresses', async () => {
    const again = await FaultProxy.start(primary);
    try {
      await again.use({ delay: 1_250 });
      const kdcs = [slow[1], again].map((proxy) => `127.0.0.1:${proxy?.port}`);
      const config = await primary.writeConfig({ kdcs });
      await verifierFor(primary, { config }).verify('bob', 'wrong');
      assert.equal(await failures('bob', primary, replica), 1);
    } finally {
      await again.stop();
    }
  });

  // After a second without a reply over UDP, libkrb5 sends the message to the next KDC as well.
  const cases = [
    { transport: 'kpass', udp: true, user: 'carol', counts: 1 },
    { transport: 'kpass', udp: false, user: 'dan', counts: 1 },
    { transport: 'libkrb5', udp: true, user: 'erin', counts: 2 },
    { transport: 'libkrb5', udp: false, user: 'frank', counts: 1 },
  ] as const;
  for (const { transport, udp, user, counts } of cases) {
    const way = `${transport} over ${udp ? 'UDP' : 'TCP'}`;
    it(`count ${counts} in all, with a slow replica and a slow primary, by ${way}`, async () => {
      const [first = 0, second = 0] = slow.map((proxy) => proxy.port);
      const kdcs = [`localhost:${first}`, `127.0.0.1:${second}`] as const;
      const more = udp ? '' : '[libdefaults]\nudp_preference_limit = 1\n';
      const config = await primary.writeConfig({ kdcs, primary: kdcs[1], more });
      const verdict = await verifierFor(primary, { config, transport }).verify(user, 'wrong');
      assert.deepEqual(verdict, { verified: false, reason: 'credentials' });
      assert.equal(await failures(user, primary, replica), counts);
    });
  }
});

describe('one wrong password, with SPAKE', () => {
  for (const fast of ['never', 'require'] as const) {
    const how = fast === 'require' ? ', under armor' : '';
    it(`counts once, in however many rounds${how}`, async () => {
      const config = `[libdefaults]
      spake_preauth_groups = edwards25519
      spake_preauth_kdc_challenge = edwards25519`;
      await using realm = await Realm.start({ users: { alice: 'wonderland' }, config });
      const trace: string[] = [];
      const verifier = verifierFor(realm, { trace: (line) => trace.push(line), fast });
      assert.equal((await verifier.verify('alice', 'wrong')).verified, false);
      assert.match(trace.join('\n'), /SPAKE/);
      assert.equal(await failures('alice', realm), 1);
      assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
    });
  }
});
