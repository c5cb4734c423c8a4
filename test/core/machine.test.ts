// If krb5.conf shuts out the mechanisms or encryption types that a login needs, kpass reports an
// error, and no verdict on the user. If a user has old keys only, kpass denies by policy, and does
// not blame the service.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { VerifyEvent } from 'kpass';
import { Realm } from 'kpass/testing';
import { HeimdalRealm } from '../support/heimdal';
import { failureOf, kpassIn, SERVICE, verifierFor } from '../support/subject';

const AES256 = 'aes256-cts-hmac-sha1-96';
const SHA2 = 'aes256-cts-hmac-sha384-192';

describe("this machine's krb5.conf", () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({
      users: {
        alice: 'wonderland',
        old: { password: 'right', enctypes: ['arcfour-hmac'] },
        older: { password: 'right', enctypes: ['des3-cbc-sha1'] },
        'old-bare': { password: 'right', enctypes: ['arcfour-hmac'], preauth: false },
        sha2: { password: 'right', enctypes: [SHA2] },
        both: { password: 'right', enctypes: [AES256, 'arcfour-hmac'] },
        certificate: { password: 'right', flags: ['+requires_hwauth'] },
      },
      services: [SERVICE, 'HTTP/old'],
      kdcConfig: '[libdefaults]\nallow_weak_crypto = true\nallow_rc4 = true\nallow_des3 = true',
    });
  });
  after(() => realm?.stop());

  const configWith = (more: string) =>
    realm.writeConfig({ kdcs: [`127.0.0.1:${realm.port}`], more });

  const SHUT: [what: string, more: string][] = [
    // These count without armor: under armor, the proof is another mechanism's.
    ['encrypted timestamps', `[realms]\nEXAMPLE.COM = {\ndisable_encrypted_timestamp = true\n}`],
    ['all mechanisms but another', '[plugins]\nclpreauth = {\nenable_only = otp\n}'],
    ['the mechanism', '[plugins]\nclpreauth = {\ndisable = encrypted_timestamp\n}'],
    ['all AES', '[libdefaults]\npermitted_enctypes = camellia'],
    ['every type', '[libdefaults]\npermitted_enctypes = nonsense'],
    ['all types of its requests', '[libdefaults]\ndefault_tkt_enctypes = aes256-sha2'],
  ];
  for (const transport of ['kpass', 'libkrb5'] as const) {
    for (const [what, more] of SHUT) {
      it(`is an error if it shuts out ${what} (${transport})`, async () => {
        const fast = 'never';
        const verifier = verifierFor(realm, { config: await configWith(more), transport, fast });
        for (const password of ['wonderland', 'wrong']) {
          const error = await failureOf(verifier.verify('alice', password));
          assert.equal(error.code, 'ERR_KPASS_CONFIG', error.message);
          assert.match(error.message, /krb5\.conf/);
        }
        verifier.close();
      });
    }
  }

  for (const shut of ['enable_only = otp', 'disable = encrypted_challenge']) {
    it(`is an error under armor if it says ${shut}`, async () => {
      const config = await configWith(`[plugins]\nclpreauth = {\n${shut}\n}`);
      const verifier = verifierFor(realm, { config, fast: 'require' });
      const error = await failureOf(verifier.verify('alice', 'wonderland'));
      assert.equal(error.code, 'ERR_KPASS_CONFIG', error.message);
      assert.match(error.message, /krb5\.conf/);
    });
  }

  for (const [what, more] of SHUT.filter(([what]) => /timestamps|^the mechanism/.test(what))) {
    it(`is no error under armor if it shuts out ${what}`, async () => {
      const verifier = verifierFor(realm, { config: await configWith(more), fast: 'require' });
      assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
      assert.equal((await verifier.verify('alice', 'wrong')).verified, false);
    });
  }

  it('is an error if it shuts out the types of one user', async () => {
    const config = await configWith('[libdefaults]\npermitted_enctypes = aes256-cts aes128-cts');
    const verifier = verifierFor(realm, { config });
    assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
    const error = await failureOf(verifier.verify('sha2', 'right'));
    assert.equal(error.code, 'ERR_KPASS_CONFIG');
    assert.match(error.message, /aes256-cts-hmac-sha1-96, aes128-cts-hmac-sha1-96/);
    verifier.close();
  });

  describe('for users with old keys only', () => {
    for (const user of ['old', 'older', 'old-bare']) {
      it(`denies ${user} by policy, whatever the password is`, async () => {
        const verifier = verifierFor(realm);
        const events: VerifyEvent[] = [];
        const listen = (event: unknown) => events.push(event as VerifyEvent);
        subscribe('kpass:verify', listen);
        try {
          for (const password of ['right', 'wrong']) {
            assert.deepEqual(await verifier.verify(user, password), {
              verified: false,
              reason: 'policy',
            });
          }
        } finally {
          unsubscribe('kpass:verify', listen);
          verifier.close();
        }
        assert.equal(events[0]?.step, 'enctypes');
      });

      it(`says in kpass() what to do for ${user}`, async () => {
        const error = await failureOf(kpassIn(realm, user, 'right'));
        assert.equal(error.code, 'ERR_KPASS_ACCOUNT');
        assert.match(error.message, /new password.*permitted_enctypes/);
      });
    }

    it('verifies them if krb5.conf names the type', async () => {
      const config = await configWith(
        '[libdefaults]\npermitted_enctypes = DEFAULT +rc4\nallow_rc4 = true',
      );
      const verifier = verifierFor(realm, { config });
      for (const user of ['old', 'old-bare', 'alice', 'both']) {
        const password = user === 'alice' ? 'wonderland' : 'right';
        assert.equal((await verifier.verify(user, password)).verified, true, user);
      }
      verifier.close();
    });

    it('verifies a user who has a newer key as well', async () => {
      const verifier = verifierFor(realm);
      assert.equal((await verifier.verify('both', 'right')).verified, true);
      verifier.close();
    });
  });
});

describe('a service with an old key only', () => {
  it('verifies users all the same', async () => {
    await using realm = await Realm.start({
      users: { alice: { password: 'wonderland', enctypes: [AES256] } },
      enctypes: ['arcfour-hmac'],
      config: '[libdefaults]\nallow_weak_crypto = true\nallow_rc4 = true\n',
      kdcConfig: '[libdefaults]\nallow_weak_crypto = true\nallow_rc4 = true\n',
    });
    const verifier = verifierFor(realm);
    assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
    verifier.close();
  });
});

describe("Heimdal's KDC, for users with old keys only", () => {
  it('denies by policy', async () => {
    await using realm = await HeimdalRealm.start({ users: { alice: 'wonderland' } });
    await realm.addUser('old', 'right', { enctypes: ['arcfour-hmac-md5'] });
    const verifier = verifierFor(realm);
    assert.deepEqual(await verifier.verify('old', 'right'), { verified: false, reason: 'policy' });
    assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
    verifier.close();
  });
});
