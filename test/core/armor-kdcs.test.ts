// Armor (FAST) in realms of other KDCs: Heimdal, and Active Directory as Samba serves it.

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { HeimdalRealm } from '../support/heimdal';
import { SambaDomain } from '../support/samba';
import { failureOf, SERVICE, verifierFor } from '../support/subject';

/** ms for a first start on a busy machine. A first start provisions the domain. */
const PATIENCE = 120_000;

const VERIFIED = { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' };
const WRONG = { verified: false, reason: 'credentials' };
const FAST = 'require';

describe("logins under armor in a realm of Heimdal's", () => {
  let realm: HeimdalRealm;
  before(async () => {
    realm = await HeimdalRealm.start({
      users: {
        alice: 'wonderland',
        'must-change': { password: 'right', state: 'must-change' },
        expired: { password: 'right', state: 'expired' },
        disabled: { password: 'right', state: 'disabled' },
      },
    });
  });
  after(() => realm?.stop());

  for (const canonicalize of [false, true]) {
    const how = canonicalize ? 'with canonicalization' : 'without canonicalization';

    it(`are verified, ${how}`, async () => {
      const verifier = verifierFor(realm, { fast: FAST, canonicalize });
      deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
      equal(verifier.stats.armored, 1);
    });

    for (const [user, password, reason] of [
      ['alice', 'wrong', 'credentials'],
      ['nobody', 'wonderland', 'credentials'],
      ['must-change', 'right', 'expired'],
      ['expired', 'right', 'disabled'],
      ['disabled', 'right', 'policy'],
    ] as const) {
      it(`deny ${user} with '${password}': ${reason}, ${how}`, async () => {
        deepEqual(await verifierFor(realm, { fast: FAST, canonicalize }).verify(user, password), {
          verified: false,
          reason,
        });
      });
    }
  }

  it("come with fast: 'try' from the second login on", async () => {
    const verifier = verifierFor(realm);
    for (let i = 0; i < 3; i++) deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
    equal(verifier.stats.armored, 2);
  });
});

describe('logins under armor in an Active Directory domain', () => {
  let domain: SambaDomain;
  let keytab: string;
  let account: string;
  before(async function () {
    this.timeout(PATIENCE);
    domain = await SambaDomain.start({
      users: {
        alice: 'wonderland',
        bob: 'builder',
        disabled: { password: 'right', state: 'disabled' },
        'must-change': { password: 'right', state: 'must-change' },
      },
    });
    account = domain.account(SERVICE);
    keytab = await domain.writeKeytab(SERVICE, account);
  });
  after(() => domain?.stop());

  const verifier = (canonicalize: boolean, fast: 'try' | 'require' = FAST) =>
    verifierFor(domain, { fast, canonicalize, keytab, fastPrincipal: account });

  for (const canonicalize of [true, false]) {
    const how = canonicalize ? 'with canonicalization' : 'without canonicalization';

    it(`are verified by the account’s entry, ${how}`, async () => {
      const subject = verifier(canonicalize);
      deepEqual(await subject.verify('alice', 'wonderland'), VERIFIED);
      equal(subject.stats.armored, 1);
    });

    it(`count a wrong password once, ${how}`, async () => {
      await domain.unlock('bob');
      deepEqual(await verifier(canonicalize).verify('bob', 'wrong'), WRONG);
      equal(await domain.failedCount('bob'), 1);
      equal(await domain.failedCount(account), 0);
    });

    for (const [user, password, reason] of [
      ['nobody', 'wonderland', 'credentials'],
      ['disabled', 'right', 'disabled'],
      ['must-change', 'right', 'expired'],
    ] as const) {
      it(`deny ${user}: ${reason}, ${how}`, async () => {
        deepEqual(await verifier(canonicalize).verify(user, password), {
          verified: false,
          reason,
        });
      });
    }

    it(`come with fast: 'try' from the second login on, ${how}`, async () => {
      const copy = await domain.writeKeytab(SERVICE, account);
      const subject = verifierFor(domain, { canonicalize, keytab: copy, fastPrincipal: account });
      for (let i = 0; i < 3; i++) deepEqual(await subject.verify('alice', 'wonderland'), VERIFIED);
      equal(subject.stats.armored, 2);
    });
  }

  it('need the account: the service itself may not log in', async () => {
    const subject = verifierFor(domain, { fast: FAST });
    const { code, krb5Name } = await failureOf(subject.verify('alice', 'wonderland'));
    deepEqual([code, krb5Name], ['ERR_KPASS_CONFIG', 'KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN']);
  });

  it('find the account by themselves if the keytab has one NAME$', async () => {
    await domain.addService('HTTP/machine');
    await domain.rename(domain.account('HTTP/machine'), 'MACHINE$');
    const own = await domain.writeKeytab('HTTP/machine', 'MACHINE$');
    const subject = verifierFor(domain, { host: 'machine', keytab: own, fast: FAST });
    deepEqual(await subject.verify('alice', 'wonderland'), VERIFIED);
    await domain.addService('HTTP/second');
    await domain.rename(domain.account('HTTP/second'), 'SECOND$');
    const two = await domain.writeKeytab('HTTP/machine', 'MACHINE$', 'SECOND$');
    const unsure = verifierFor(domain, { host: 'machine', keytab: two, fast: FAST });
    equal((await failureOf(unsure.verify('alice', 'wonderland'))).code, 'ERR_KPASS_CONFIG');
    equal(await domain.failedCount('MACHINE$'), 0);
  });

  it('of a stale keytab are one failure of the account', async () => {
    await domain.addService('HTTP/stale');
    const stale = domain.account('HTTP/stale');
    const old = await domain.writeKeytab('HTTP/stale', stale);
    await domain.changePassword(stale, 'another Passw0rd');
    const more = { host: 'stale', keytab: old, fastPrincipal: stale, fast: FAST } as const;
    const subject = verifierFor(domain, more);
    for (let i = 0; i < 20; i++) {
      const { code } = await failureOf(subject.verify('alice', 'wonderland'));
      equal(code, 'ERR_KPASS_CONFIG');
    }
    ok((await domain.failedCount(stale)) <= 1);
  });
});

describe('without armor, in a domain that announces FAST and does not do it', () => {
  let domain: SambaDomain;
  before(async function () {
    this.timeout(PATIENCE);
    domain = await SambaDomain.start({
      users: { alice: 'wonderland' },
      smbConfig: 'kdc enable fast = no',
    });
  });
  after(() => domain?.stop());

  it("logins are verified with fast: 'try', and refused with 'require'", async () => {
    const fastPrincipal = domain.account(SERVICE);
    const keytab = await domain.writeKeytab(SERVICE, fastPrincipal);
    const subject = verifierFor(domain, { keytab, fastPrincipal, canonicalize: true });
    for (let i = 0; i < 3; i++) deepEqual(await subject.verify('alice', 'wonderland'), VERIFIED);
    equal(subject.stats.armored, 0);
    const strict = verifierFor(domain, { keytab, fastPrincipal, fast: FAST });
    const { code, message } = await failureOf(strict.verify('alice', 'wonderland'));
    equal(code, 'ERR_KPASS_KDC');
    match(message, /does not support FAST/);
  });
});
