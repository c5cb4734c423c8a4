// Names as people type them, in a realm of MIT's and in one of Heimdal's: which name the KDC is asked
// for, and that kpass itself and its native part refuse the same names.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { VerifierOptions } from 'kpass';
import { Realm } from 'kpass/testing';
import { binding, NativeOutcome, type Pool } from '../../lib/binding';
import '../../lib/calls';
import { askedName } from '../../lib/names';
import { nativeSettings } from '../../lib/native-settings';
import { checkSettings, type Settings } from '../../lib/settings';
import { BAD_INPUTS } from '../support/bad-input';
import { FaultProxy } from '../support/fault-proxy';
import { HeimdalRealm } from '../support/heimdal';
import { referral } from '../support/referral';
import { keytabFrom } from '../support/services';
import { failureOf, kpassIn, optionsFor, SERVICE, verifierFor } from '../support/subject';

const DENIED = { verified: false, reason: 'credentials' };

/** What the options of these tests take. */
const NAMES = {
  canonicalize: true,
  upnSuffixes: ['corp.example', 'Sales.Example'],
  domains: { EXAMPLE: 'EXAMPLE.COM', Büro: 'EXAMPLE.COM' },
};

const ALICE = 'alice@EXAMPLE.COM';
const CAROL = 'carol\\@corp.example@EXAMPLE.COM';

/** [typed, principal of the login]. alice's password is `wonderland`, and carol's as well. */
const TAKEN: readonly (readonly [string, string])[] = [
  ['alice', ALICE],
  ['alice@EXAMPLE.COM', ALICE],
  ['alice/admin', 'alice/admin@EXAMPLE.COM'],
  ['zoë', 'zoë@EXAMPLE.COM'],
  ['mary ann', 'mary ann@EXAMPLE.COM'],
  // Blanks
  [' alice', ALICE],
  ['alice ', ALICE],
  ['\u00a0alice\u2003\u3000', ALICE],
  ['alice\u2028', ALICE],
  ['alice@EXAMPLE.COM ', ALICE],
  ['alice @ EXAMPLE.COM', ALICE],
  [' EXAMPLE \\ alice ', ALICE],
  [`${' '.repeat(200)}alice`, ALICE],
  // The realm's case
  ['alice@example.com', ALICE],
  ['alice@Example.Com', ALICE],
  // Domains
  ['EXAMPLE\\alice', ALICE],
  ['example\\alice', ALICE],
  ['BÜRO\\alice', ALICE],
  ['EXAMPLE\\alice/admin', 'alice/admin@EXAMPLE.COM'],
  // Enterprise names: the database has this one as a name of its own
  ['carol@corp.example', CAROL],
  ['carol@CORP.Example', CAROL],
  [' carol@corp.example ', CAROL],
];

/** Of the realm, but of no account: the KDC is asked. */
const UNKNOWN = [
  'ALICE',
  'alice@corp.example',
  'carol@sales.example',
  'CAROL@corp.example',
  'carol/x@corp.example',
  'zoe\u0308',
  'EXAMPLE\\nobody',
];

/** Never asked for. */
const REFUSED = [
  'alice@elsewhere.example',
  'alice@EXAMPLE.COM.elsewhere.example',
  'alice@corp.example.elsewhere',
  'alice@corp',
  'alice@corp.example@EXAMPLE.COM',
  'carol\\@corp.example',
  'carol\\@corp.example@EXAMPLE.COM',
  'OTHER\\alice',
  'EXAMPLE\\',
  '\\alice',
  'EXAMPLE\\alice@EXAMPLE.COM',
  'EXAMPLE\\alice@corp.example',
  'EXAMPLE\\EXAMPLE\\alice',
  'EXAMPLE\\WELLKNOWN/ANONYMOUS',
  'WELLKNOWN/ANONYMOUS@corp.example',
  'EXAMPLE.COM\\alice',
  '__proto__\\alice',
  'constructor\\alice',
  'ali\nce@corp.example',
  '@corp.example',
];

describe('names as people type them', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    const users = ['alice', 'alice/admin', 'zoë', 'mary ann'];
    realm = await Realm.start({
      users: Object.fromEntries(users.map((user) => [user, 'wonderland'])),
    });
    await realm.kadmin('addprinc', '+requires_preauth', '-pw', 'wonderland', CAROL);
    proxy = await FaultProxy.start(realm);
  });
  after(async () => {
    await proxy?.stop();
    await realm?.stop();
  });
  beforeEach(async () => {
    await proxy.use('pass');
    proxy.reset();
  });

  for (const [how, more] of [
    ["by the service's own realm", {}],
    ['by the realms listed', { realms: ['OTHER.ORG', 'EXAMPLE.COM'] }],
  ] as const) {
    describe(how, () => {
      const options = { ...NAMES, ...more };
      for (const [typed, principal] of TAKEN) {
        it(`${JSON.stringify(typed)} is ${principal}`, async () => {
          assert.deepEqual(await verifierFor(realm, options).verify(typed, 'wonderland'), {
            verified: true,
            principal,
            realm: 'EXAMPLE.COM',
          });
          const all = { service: 'HTTP', ...options };
          assert.equal(await kpassIn(realm, typed, 'wonderland', all), true);
          assert.deepEqual(await verifierFor(realm, options).verify(typed, 'wrong'), DENIED);
        });
      }

      for (const typed of UNKNOWN) {
        it(`${JSON.stringify(typed)} is asked for, and unknown`, async () => {
          const verifier = verifierFor(realm, { ...options, config: proxy.config });
          assert.deepEqual(await verifier.verify(typed, 'wonderland'), DENIED);
          assert(proxy.log.length > 0);
        });
      }

      for (const typed of REFUSED) {
        it(`${JSON.stringify(typed)} is never asked for`, async () => {
          const verifier = verifierFor(realm, { ...options, config: proxy.config });
          assert.deepEqual(await verifier.verify(typed, 'wonderland'), DENIED);
          assert.equal(proxy.log.length, 0);
        });
      }
    });
  }

  it('without the options, no domain and no suffix is taken', async () => {
    const verifier = verifierFor(realm, { canonicalize: true, config: proxy.config });
    for (const typed of ['EXAMPLE\\alice', 'carol@corp.example']) {
      assert.deepEqual(await verifier.verify(typed, 'wonderland'), DENIED);
    }
    assert.equal(proxy.log.length, 0);
  });

  it('a bare name, and a UPN, are of the first of the realms that may log in', async () => {
    const other = await Realm.start({ name: 'OTHER.ORG', users: { bob: 'builder' }, services: [] });
    try {
      await other.kadmin('addprinc', '-pw', 'builder', 'bob\\@corp.example');
      const config = await realm.trust(other);
      const verifier = verifierFor(realm, {
        canonicalize: true,
        upnSuffixes: ['corp.example'],
        domains: { OTHER: 'OTHER.ORG' },
        config,
        realms: ['OTHER.ORG'],
      });
      const names = ['bob', 'bob@other.org', 'other\\bob', 'bob@corp.example'];
      for (const typed of names) {
        const verdict = await verifier.verify(typed, 'builder');
        assert.equal(verdict.verified && verdict.realm, 'OTHER.ORG', typed);
      }
      assert.deepEqual(await verifier.verify('alice@example.com', 'wonderland'), DENIED);
    } finally {
      await other.stop();
    }
  });

  it('a realm spelled as one of the list is that one', async () => {
    const verifier = verifierFor(realm, { realms: ['EXAMPLE.COM', 'X.ORG', 'x.Org'] });
    const [, listed] = await Promise.all([
      verifier.verify('alice@EXAMPLE.com', 'wonderland'),
      failureOf(verifier.verify('alice@x.Org', 'wonderland')),
    ]);
    assert.match(listed.message, /realm x\.Org /);
  });

  it('a wrong password for an enterprise name is one count', async () => {
    const before = await realm.failedCount(CAROL);
    const verifier = verifierFor(realm, NAMES);
    assert.deepEqual(await verifier.verify('carol@corp.example', 'wrong'), DENIED);
    assert.equal(await realm.failedCount(CAROL), before + 1);
  });

  describe("kpass's two readers of a name", () => {
    let pool: Pool;
    before(() => {
      pool = binding.createPool(1, 1000);
    });
    after(() => binding.closePool(pool));

    /** The native side alone. */
    async function native(name: string, settings: Settings): Promise<NativeOutcome> {
      const password = Buffer.from('wonderland');
      const id = binding.submit(pool, nativeSettings(settings), name, password, 10_000, null);
      assert(id > 0);
      const table = (binding as never as Record<symbol, Map<number, unknown>>)[
        Symbol.for('kpass.pending')
      ];
      type Parts = ConstructorParameters<typeof NativeOutcome>;
      const parts = await new Promise<Parts>((settle) => table?.set(id, { settle }));
      table?.delete(id);
      return new NativeOutcome(...parts);
    }

    const settingsOf = (more: Partial<VerifierOptions>) =>
      checkSettings(optionsFor(realm, { config: proxy.config, ...more }));

    for (const more of [{}, NAMES, { ...NAMES, realms: ['EXAMPLE.COM'] }]) {
      const how = JSON.stringify(more);
      it(`refuse the same names, with ${how}`, async () => {
        const settings = settingsOf(more);
        const wrong = BAD_INPUTS.filter(([, , password]) => password === 'wonderland');
        // The addon takes a text that UTF-8 can encode.
        const names = [...wrong.map(([, name]) => name), ...REFUSED].filter(
          (name) => name.isWellFormed() && name.length <= 1000 && name !== 'EXAMPLE\\alice',
        );
        assert(names.length > 70, `${names.length}`);
        for (const name of names) {
          const asked = askedName(name, settings);
          const { step } = await native(asked ?? name, settings);
          // JavaScript does not know the service's realm, if no realms are listed.
          const steps = asked === null ? /^(input|realm)$/ : /^realm$/;
          assert.match(step, steps, JSON.stringify(name));
          assert(asked === null || !('realms' in more), JSON.stringify(name));
        }
        assert.equal(proxy.log.length, 0);
      });

      it(`take the same names, with ${how}`, async () => {
        const settings = settingsOf(more);
        let taken = 0;
        for (const [typed, principal] of TAKEN) {
          const asked = askedName(typed, settings);
          const { verified, step, ...outcome } = await native(asked ?? typed, settings);
          if (verified) {
            taken++;
            assert(asked !== null);
            assert.equal(outcome.principal, principal);
          } else {
            assert.match(step, /^(input|realm)$/, JSON.stringify(typed));
          }
        }
        assert.equal(taken, 'domains' in more ? TAKEN.length : TAKEN.length - 8);
      });
    }

    it('leave no blank at the ends for the native one, and no case of the realm', async () => {
      const settings = settingsOf(NAMES);
      for (const blank of [' ', '\u00a0', '\u2003', '\u2029', '\u3000']) {
        assert.equal(askedName(`${blank}alice${blank}`, settings), 'alice');
        for (const name of [`${blank}alice`, `alice${blank}`, `alice${blank}@EXAMPLE.COM`]) {
          assert.equal((await native(name, settings)).step, 'input', JSON.stringify(name));
        }
      }
      const listed = settingsOf({ realms: ['EXAMPLE.COM'] });
      assert.equal((await native('alice@example.com', listed)).step, 'realm');
      assert.equal((await native('carol@CORP.example', settings)).step, 'realm');
    });

    it('never take an enterprise name without canonicalization', async () => {
      const settings = { ...settingsOf(NAMES), canonicalize: false };
      assert.equal((await native('carol@corp.example', settings)).step, 'realm');
    });
  });

  describe('a realm that differs in case alone is a mistake of the configuration', () => {
    const both = /EXAMPLE\.COM.*example\.com|example\.com.*EXAMPLE\.COM/;
    const lower = '[libdefaults]\ndefault_realm = example.com\n';
    const realms = (port: number) => `[realms]\nexample.com = {\nkdc = 127.0.0.1:${port}\n}\n`;

    async function mistake(more: Partial<VerifierOptions>): Promise<void> {
      const verifier = verifierFor(realm, more);
      for (const [user, password] of [
        ['alice', 'wonderland'],
        ['alice', 'wrong'],
        ['nobody', 'wonderland'],
      ] as const) {
        const error = await failureOf(verifier.verify(user, password));
        assert.equal(error.code, 'ERR_KPASS_CONFIG', error.message);
        assert.equal(error.step, 'spelling');
        assert.equal(error.krb5Code, undefined);
        assert.match(error.message, both);
      }
    }

    it('in the option realms', async () => {
      const config = await realm.writeConfig({ more: realms(proxy.port) });
      await mistake({ config, realms: ['example.com'] });
      await mistake({ config, realms: ['EXAMPLE.COM', 'example.com'] });
      assert.equal(proxy.log.length, 0);
    });

    it('in krb5.conf, where the keytab has the right one', async () => {
      const config = await realm.writeConfig({ more: lower + realms(proxy.port) });
      await mistake({ config });
      assert.equal(proxy.log.length, 0);
    });

    for (const canonicalize of [false, true]) {
      const way = canonicalize ? 'with' : 'without';
      it(`in a KDC's referral, ${way} canonicalization`, async () => {
        await proxy.use(({ bytes }) => ({ reply: () => referral(bytes, 'example.com') }));
        // Under armor, such an answer is no KDC's word.
        await mistake({ config: proxy.config, canonicalize, fast: 'never' });
        assert.equal(proxy.requests['AS-REQ'], 3);
      });
    }

    it('but another key of the keytab is no other spelling', async () => {
      const bytes = await readFile(realm.keytab(SERVICE), 'latin1');
      const keytab = await keytabFrom(
        realm,
        Buffer.from(bytes.replaceAll('EXAMPLE.COM', 'EXAMPLE.ORG'), 'latin1'),
      );
      const error = await failureOf(verifierFor(realm, { keytab }).verify('alice', 'wonderland'));
      assert.equal(error.code, 'ERR_KPASS_KEYTAB');
    });
  });

  describe('a domain whose realm may not log in', () => {
    it('is a TypeError where realms are listed', () => {
      const options = { realms: ['EXAMPLE.COM'], domains: { EXAMPLE: 'example.com' } };
      assert.throws(() => verifierFor(realm, options), { code: 'ERR_INVALID_ARG_VALUE' });
    });

    it("is ERR_KPASS_CONFIG where the service's realm counts, whatever is typed", async () => {
      const verifier = verifierFor(realm, {
        domains: { OTHER: 'OTHER.ORG' },
        config: proxy.config,
      });
      const error = await failureOf(verifier.verify('alice', 'wonderland'));
      assert.deepEqual([error.code, error.step], ['ERR_KPASS_CONFIG', 'domains']);
      assert.match(error.message, /OTHER\.ORG.*EXAMPLE\.COM/);
      assert.equal(proxy.log.length, 0);
    });
  });
});

describe("names as people type them, in a realm of Heimdal's", () => {
  let realm: HeimdalRealm;
  before(async () => {
    // For an enterprise name, Heimdal looks for the principal of that realm.
    const aliases = ['alice@corp.example', 'ali@EXAMPLE.COM'];
    realm = await HeimdalRealm.start({ users: { alice: { password: 'wonderland', aliases } } });
  });
  after(() => realm?.stop());

  for (const typed of ['alice@corp.example', 'alice@CORP.EXAMPLE ', 'ali', 'EXAMPLE\\ali']) {
    it(`${typed} is alice, and kpass() cannot say so`, async () => {
      assert.deepEqual(await verifierFor(realm, NAMES).verify(typed, 'wonderland'), {
        verified: true,
        principal: ALICE,
        realm: 'EXAMPLE.COM',
      });
      assert.deepEqual(await verifierFor(realm, NAMES).verify(typed, 'wrong'), DENIED);
      const options = { service: 'HTTP', ...NAMES };
      assert.equal(await kpassIn(realm, typed, 'wonderland', options), false);
    });
  }

  it('a realm in the list that differs in case alone is ERR_KPASS_CONFIG', async () => {
    const verifier = verifierFor(realm, { realms: ['Example.com'] });
    const error = await failureOf(verifier.verify('alice', 'wonderland'));
    assert.deepEqual([error.code, error.step], ['ERR_KPASS_CONFIG', 'spelling']);
  });
});
