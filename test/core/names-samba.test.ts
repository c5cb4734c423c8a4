// Names as people type them, in an Active Directory domain of Samba's: the account that a name stands
// for, and what the domain counts.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerifierOptions } from 'kpass';
import { SambaDomain } from '../support/samba';
import { failureOf, kpassIn, SERVICE, verifierFor } from '../support/subject';

const DENIED = { verified: false, reason: 'credentials' };

const NAMES = {
  canonicalize: true,
  upnSuffixes: ['corp.example'],
  domains: { EXAMPLE: 'EXAMPLE.COM' },
};

/** [typed, account, whether kpass() is true]. Each account's password is `wonderland`. */
const TAKEN: readonly (readonly [string, string, boolean])[] = [
  ['alice', 'alice', true],
  ['ALICE', 'alice', true],
  ['alice@EXAMPLE.COM', 'alice', true],
  // The user principal name, as Active Directory shows it
  ['alice@example.com', 'alice', true],
  ['Alice@Example.Com', 'alice', true],
  [' alice', 'alice', true],
  ['alice ', 'alice', true],
  ['\u00a0alice@example.com\u3000', 'alice', true],
  ['EXAMPLE\\alice', 'alice', true],
  ['example\\Alice ', 'alice', true],
  ['bob', 'bob', true],
  // A UPN suffix that is no realm
  ['carol@corp.example', 'carol', false],
  ['CAROL@CORP.EXAMPLE', 'carol', false],
  [' carol@corp.example ', 'carol', false],
  ['carol', 'carol', true],
  ['carol@example.com', 'carol', true],
  ['robert.b@corp.example', 'bob', false],
  // Samba ignores case alone: it tells two encodings of a letter apart
  ['zoë', 'zoë', true],
  ['ZOË', 'zoë', true],
  // The UPN's name is not the account's
  ['dora.d@example.com', 'dora', false],
];

/** Of no account, or never asked for. */
const NOT_TAKEN = [
  'alice@corp.example',
  'bob@corp.example',
  'robert.b',
  'robert.b@example.com',
  'robert.b@other.example',
  'carol@sales.example',
  'OTHER\\alice',
  'EXAMPLE\\carol@corp.example',
  'nobody@corp.example',
  'zoe\u0308',
  'zoe',
];

describe('names as people type them, in an Active Directory domain', () => {
  let domain: SambaDomain;
  before(async function () {
    this.timeout(120_000); // The first start provisions.
    domain = await SambaDomain.start({
      upnSuffixes: ['corp.example', 'sales.example'],
      users: {
        alice: 'wonderland',
        zoë: 'wonderland',
        bob: { password: 'wonderland', upn: 'robert.b@corp.example' },
        carol: { password: 'wonderland', upn: 'carol@corp.example' },
        dora: { password: 'wonderland', upn: 'dora.d@example.com' },
      },
    });
  });
  after(() => domain?.stop());

  for (const transport of ['kpass', 'libkrb5'] as const) {
    describe(`with the transport of ${transport}`, () => {
      const options = { ...NAMES, transport };
      for (const [typed, account, own] of TAKEN) {
        it(`${JSON.stringify(typed)} is ${account}; kpass() is ${own}`, async () => {
          await domain.unlock(account);
          const verifier = verifierFor(domain, options);
          assert.deepEqual(await verifier.verify(typed, 'wonderland'), {
            verified: true,
            principal: `${account}@EXAMPLE.COM`,
            realm: 'EXAMPLE.COM',
          });
          const all = { service: 'HTTP', ...options };
          assert.equal(await kpassIn(domain, typed, 'wonderland', all), own);
          assert.deepEqual(await verifier.verify(typed, 'wrong'), DENIED);
          assert.equal(await domain.failedCount(account), 1);
        });
      }

      for (const typed of NOT_TAKEN) {
        it(`${JSON.stringify(typed)} is nobody`, async () => {
          assert.deepEqual(await verifierFor(domain, options).verify(typed, 'wonderland'), DENIED);
          const all = { service: 'HTTP', ...options };
          assert.equal(await kpassIn(domain, typed, 'wonderland', all), false);
        });
      }
    });
  }

  it('without canonicalization, a domain and a realm in any case are taken as well', async () => {
    const verifier = verifierFor(domain, { domains: NAMES.domains });
    for (const typed of ['alice ', 'alice@example.com', 'example\\alice']) {
      const verdict = await verifier.verify(typed, 'wonderland');
      assert.equal(verdict.verified && verdict.principal, 'alice@EXAMPLE.COM', typed);
    }
  });

  describe('a realm that krb5.conf spells in small letters is ERR_KPASS_CONFIG', () => {
    let config: string;
    before(async () => {
      const kdc = `kdc = 127.0.0.1:${domain.port}`;
      config = await domain.writeConfig(
        `[libdefaults]\ndefault_realm = example.com\n[realms]\nexample.com = {\n${kdc}\n}\n`,
      );
    });

    async function mistake(password: string, more: Partial<VerifierOptions>): Promise<void> {
      for (const canonicalize of [false, true]) {
        const verifier = verifierFor(domain, { config, canonicalize, ...more });
        const error = await failureOf(verifier.verify('alice', password));
        assert.deepEqual([error.code, error.step], ['ERR_KPASS_CONFIG', 'spelling']);
        assert.match(error.message, /example\.com.*EXAMPLE\.COM/);
      }
    }

    it("with the domain's own keytab, whatever the password", async () => {
      await mistake('wonderland', {});
      await mistake('wrong', {});
    });

    it('with a keytab that spells it so as well; but a wrong password is denied', async () => {
      const keytab = join(domain.folder, 'small-letters.keytab');
      const bytes = await readFile(domain.keytab(SERVICE), 'latin1');
      const small = bytes.replaceAll('EXAMPLE.COM', 'example.com');
      await writeFile(keytab, small, { encoding: 'latin1', mode: 0o600 });
      await mistake('wonderland', { keytab });
      // The KDC's denial names no realm.
      const verifier = verifierFor(domain, { config, keytab });
      assert.deepEqual(await verifier.verify('alice', 'wrong'), DENIED);
    });
  });
});
