// Hostile replies. With them, anyone between kpass and the KDC could make libkrb5 compute for
// minutes, or prove the password under a weak key.

import assert from 'node:assert/strict';
import type { Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import { isFrom } from '../support/armor';
import { FaultProxy } from '../support/fault-proxy';
import { errorCode } from '../support/messages';
import {
  type Demand,
  demandInOldError,
  demanding,
  PREAUTH_REQUIRED,
  requestedEtypes,
  timestampEtype,
} from '../support/padata';
import { failureOf, verifierFor } from '../support/subject';

const DES3 = 16;
const AES256_SHA1 = 18;
const AES256_SHA2 = 20;
const RC4 = 23;
const CAMELLIA256 = 26;
const MOST = 2 ** 24 - 1;

const SPAKE_AT_KDC = `[libdefaults]
      spake_preauth_groups = edwards25519
      spake_preauth_kdc_challenge = edwards25519`;

describe('a hostile reply', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    realm = await Realm.start({
      users: {
        alice: { password: 'wonderland', lockout: 50 },
        bob: { password: 'builder', preauth: false },
      },
      kdcConfig: SPAKE_AT_KDC,
    });
    proxy = await FaultProxy.start(realm);
  });
  after(async () => {
    await proxy?.stop();
    await realm?.stop();
  });

  const TRANSPORTS = ['kpass', 'libkrb5'] as const;
  let verifiers: Verifier[] = [];
  afterEach(async () => {
    for (const verifier of verifiers) verifier.close();
    verifiers = [];
    await proxy.use('pass');
    proxy.reset();
  });
  function verifier(more: Parameters<typeof verifierFor>[1] = {}): Verifier {
    // Without armor: under armor, libkrb5 does not read these replies.
    const made = verifierFor(realm, { config: proxy.config, fast: 'never', ...more });
    verifiers.push(made);
    return made;
  }

  const COUNTS: [etype: number, iterations: number][] = [
    [AES256_SHA1, MOST],
    [AES256_SHA1, 40_961],
    [AES256_SHA1, 4_095],
    [AES256_SHA1, 1],
    [AES256_SHA1, 0],
    [AES256_SHA1, 2 ** 32 - 1],
    [AES256_SHA2, MOST],
    [AES256_SHA2, 327_681],
    [AES256_SHA2, 4_096],
    [CAMELLIA256, MOST],
  ];
  for (const transport of TRANSPORTS) {
    for (const [user, password] of [
      ['alice', 'wonderland'],
      ['bob', 'builder'],
    ] as const) {
      for (const [etype, iterations] of COUNTS) {
        it(`that asks ${user} for ${iterations} iterations of type ${etype} ends the login (${transport})`, async () => {
          await proxy.use(demanding({ etypes: [etype], iterations }));
          const started = performance.now();
          const error = await failureOf(verifier({ transport }).verify(user, password));
          assert.equal(error.code, 'ERR_KPASS_KDC');
          assert.equal(error.step, 'etype-info2');
          const named = iterations === 0 ? 2 ** 32 : iterations;
          assert.match(error.message, new RegExp(`asks for ${named} iterations`));
          assert.equal(error.temporary, true);
          assert(performance.now() - started < 5_000, 'it computed');
          assert.equal(proxy.log.filter(({ bytes }) => timestampEtype(bytes)).length, 0);
        });
      }
    }

    it(`that hides its demand behind a good one ends the login (${transport})`, async () => {
      const hidden: Demand = { etypes: [AES256_SHA2, AES256_SHA1], iterations: MOST };
      await proxy.use(demanding(hidden));
      const error = await failureOf(verifier({ transport }).verify('alice', 'wonderland'));
      assert.equal(error.step, 'etype-info2');
    });

    for (const etype of [RC4, DES3]) {
      for (const [user, password] of [
        ['alice', 'wonderland'],
        ['bob', 'builder'],
      ] as const) {
        it(`that names type ${etype} alone gets no proof of ${user}'s password (${transport})`, async () => {
          await proxy.use(demanding({ etypes: [etype] }));
          const error = await failureOf(verifier({ transport }).verify(user, password));
          assert.equal(error.code, 'ERR_KPASS_KDC');
          assert.match(error.message, /permitted_enctypes/);
          for (const { bytes } of proxy.log) assert.equal(timestampEtype(bytes), undefined);
        });
      }

      it(`that names type ${etype} in the older form gets no proof (${transport})`, async () => {
        await proxy.use({
          reply: (reply) =>
            errorCode(reply) === PREAUTH_REQUIRED ? demandInOldError(reply, etype) : reply,
        });
        const error = await failureOf(verifier({ transport }).verify('alice', 'wonderland'));
        assert.equal(error.code, 'ERR_KPASS_KDC');
        for (const { bytes } of proxy.log) assert.equal(timestampEtype(bytes), undefined);
      });
    }

    it(`with counts at either bound verifies the password (${transport})`, async () => {
      // libkrb5 accepts this count, but makes another key than the KDC's. So the KDC sees a wrong
      // password.
      await proxy.use(demanding({ etypes: [AES256_SHA1], iterations: 40_960 }));
      const verdict = await verifier({ transport }).verify('alice', 'wonderland');
      assert.deepEqual(verdict, { verified: false, reason: 'credentials' });
      await proxy.use(demanding({ etypes: [AES256_SHA1], iterations: 4_096 }));
      const { verified } = await verifier({ transport }).verify('alice', 'wonderland');
      assert.equal(verified, true);
    });

    it(`does not hold up the healthy KDC's users (${transport})`, async () => {
      const one = verifier({ transport, threads: 4, timeout: 5_000 });
      await proxy.use(demanding({ etypes: [AES256_SHA2], iterations: MOST }));
      const ends = await Promise.allSettled(
        Array.from({ length: 40 }, () => one.verify('alice', 'wonderland')),
      );
      for (const end of ends) assert.equal(end.status, 'rejected');
      await proxy.use('pass');
      const started = performance.now();
      assert.equal((await one.verify('alice', 'wonderland')).verified, true);
      assert(performance.now() - started < 1_000, `${performance.now() - started} ms`);
      assert.equal(one.stats.stalled, 0);
    });
  }
});

describe('the encryption types of a request', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    proxy = await FaultProxy.start(realm);
  });
  after(async () => {
    await proxy?.stop();
    await realm?.stop();
  });
  beforeEach(() => proxy.reset());

  const ROWS: [more: string, weak: number[]][] = [
    ['', []],
    ['permitted_enctypes = DEFAULT', []],
    ['permitted_enctypes = DEFAULT -rc4', []],
    ['permitted_enctypes = aes rc4', [RC4]],
    ['permitted_enctypes = DEFAULT +arcfour-hmac', [RC4]],
    ['permitted_enctypes = aes256-cts,RC4-HMAC', [RC4]],
    ['default_tkt_enctypes = aes des3', [DES3]],
    ['permitted_enctypes = aes rc4 des3-cbc-sha1\nallow_rc4 = true', [RC4, DES3]],
  ];
  for (const [more, weak] of ROWS) {
    it(`are ${weak.length ? weak : 'neither RC4 nor 3DES'} with '${more}'`, async () => {
      const config = await realm.writeConfig({
        kdcs: [`127.0.0.1:${proxy.port}`],
        more: `[libdefaults]\n${more}\n`,
      });
      const verifier = verifierFor(realm, { config });
      assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
      verifier.close();
      const own = proxy.log.filter((request) => isFrom('alice', request));
      const listed = new Set(own.flatMap(({ bytes }) => requestedEtypes(bytes)));
      assert.deepEqual(
        [RC4, DES3].filter((etype) => listed.has(etype)),
        weak,
      );
      assert(listed.has(AES256_SHA1));
    });
  }
});
