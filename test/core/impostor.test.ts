// No verification is true without the keytab. Each of these attacks succeeds against code that
// lacks a rule.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { type Fault, FaultProxy, type Request } from '../support/fault-proxy';
import { kinit } from '../support/kinit';
import { replyType } from '../support/messages';
import { type PkinitRealm, startPkinitRealm } from '../support/pkinit';
import { referral } from '../support/referral';
import { clearEncPaRep, renameClient } from '../support/rename';
import { keytabDirectory, keytabFrom } from '../support/services';
import { failureOf, kpassIn, SERVICE, verifierFor } from '../support/subject';

const execute = promisify(execFile);

describe('never true without the keytab', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    realm = await Realm.start({
      users: { alice: 'wonderland' },
      services: [SERVICE, 'other/localhost'],
    });
    proxy = await FaultProxy.start(realm);
  });
  after(async () => {
    await proxy?.stop();
    await realm?.stop();
  });

  async function codeWith(keytab: string): Promise<string> {
    const right = kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', keytab });
    const error = await failureOf(right);
    return error.code;
  }

  describe('an impostor of the KDC', () => {
    let impostor: Realm;
    before(async () => {
      impostor = await realm.impostor({ users: { alice: 'hijacked' } });
    });
    after(() => impostor?.stop());

    it('satisfies a client that gets a ticket and does not verify it', async () => {
      const { code } = await kinit(impostor.config, 'alice', 'hijacked');
      assert.equal(code, 0);
    });

    it('is ERR_KPASS_UNVERIFIED, and the message names the possible causes', async () => {
      const { config } = impostor;
      const error = await failureOf(
        kpassIn(realm, 'alice', 'hijacked', { service: 'HTTP', config }),
      );
      assert.equal(error.code, 'ERR_KPASS_UNVERIFIED');
      assert.equal(error.step, 'krb5_verify_init_creds');
      assert.match(error.message, /impostor/);
      assert.match(error.message, new RegExp(realm.keytab(SERVICE)));
    });

    it('is ERR_KPASS_UNVERIFIED by way of a TGT as well', async () => {
      const verifier = verifierFor(realm, { config: impostor.config, canonicalize: true });
      assert.equal(
        (await failureOf(verifier.verify('alice', 'hijacked'))).code,
        'ERR_KPASS_UNVERIFIED',
      );
    });

    it('is ERR_KPASS_UNVERIFIED for users of another realm', async () => {
      const other = await Realm.start({ name: 'OTHER.ORG', users: { bob: 'x' }, services: [] });
      try {
        const config = await impostor.trust(other);
        const verifier = verifierFor(realm, { config, realms: ['OTHER.ORG'] });
        assert.equal((await failureOf(verifier.verify('bob', 'x'))).code, 'ERR_KPASS_UNVERIFIED');
      } finally {
        await other.stop();
      }
    });

    it('can deny a right password', async () => {
      const { config } = impostor;
      assert.equal(await kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config }), false);
    });
  });

  describe('the keytab', () => {
    it('is ERR_KPASS_KEYTAB if it does not exist', async () => {
      assert.equal(await codeWith('/nonexistent/keytab'), 'ERR_KPASS_KEYTAB');
    });

    it('is ERR_KPASS_KEYTAB if it is empty', async () => {
      assert.equal(await codeWith(await keytabFrom(realm, '')), 'ERR_KPASS_KEYTAB');
    });

    it('is ERR_KPASS_KEYTAB if it is garbage', async () => {
      assert.equal(await codeWith(await keytabFrom(realm, 'not a keytab')), 'ERR_KPASS_KEYTAB');
    });

    it('is ERR_KPASS_KEYTAB if it is a directory', async () => {
      assert.equal(await codeWith(await keytabDirectory(realm)), 'ERR_KPASS_KEYTAB');
    });

    it('is ERR_KPASS_KEYTAB if it lacks the service, and the message names the service', async () => {
      const keytab = realm.keytab('other/localhost');
      const error = await failureOf(
        kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', keytab }),
      );
      assert.equal(error.code, 'ERR_KPASS_KEYTAB');
      assert.match(error.message, /HTTP\/localhost@EXAMPLE\.COM/);
      assert.match(error.message, new RegExp(keytab));
    });

    it('is ERR_KPASS_KEYTAB if it is in memory, and empty', async () => {
      assert.equal(await codeWith('MEMORY:nothing'), 'ERR_KPASS_KEYTAB');
    });

    it('is ERR_KPASS_UNVERIFIED if it has a wrong key', async () => {
      assert.equal(await codeWith(await realm.writeWrongKeytab(SERVICE)), 'ERR_KPASS_UNVERIFIED');
    });

    it('is ERR_KPASS_KEYTAB if its key has an old version, and true with the new one', async () => {
      await realm.addService('rekeyed/localhost');
      const old = realm.keytab('rekeyed/localhost');
      await realm.rotateKey('rekeyed/localhost');
      const wanted = { service: 'rekeyed', keytab: old };
      assert.equal(
        (await failureOf(kpassIn(realm, 'alice', 'wonderland', wanted))).code,
        'ERR_KPASS_KEYTAB',
      );
      const keytab = await realm.writeKeytab('rekeyed/localhost');
      assert.equal(await kpassIn(realm, 'alice', 'wonderland', { ...wanted, keytab }), true);
    });

    it('is ERR_KPASS_KEYTAB if the process may not read it', async function () {
      const keytab = await realm.writeKeytab(SERVICE);
      await chmod(keytab, 0o000);
      await Promise.all([chmod(realm.folder, 0o755), chmod(realm.config, 0o644)]);
      assert.equal(await asNobody(keytab), 'ERR_KPASS_KEYTAB');
      this.timeout(30_000);
    });

    // root may read every file, so a process of another user verifies.
    async function asNobody(keytab: string): Promise<string> {
      const program = `
        const { kpass } = require('kpass');
        if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
        const args = ['alice', 'wonderland', 'HTTP', 'localhost', process.env.KEYTAB];
        kpass(...args, { config: process.env.CONFIG })
          .then((value) => console.log(value), (error) => console.log(error.code));`;
      const env = { ...process.env, KEYTAB: keytab, CONFIG: realm.config };
      const { stdout } = await execute(process.execPath, ['-e', program], { env });
      return stdout.trim();
    }
  });

  describe('a clock', () => {
    // An attacker who replays yesterday's tickets must turn back the verifier's clock. A Kerberos
    // client takes its clock from the KDC, so the attacker brings a KDC whose clock is at
    // yesterday.
    it('is not taken from the KDC: ERR_KPASS_KDC if the KDC is a day behind', async () => {
      const alice = { password: 'wonderland', preauth: false };
      const yesterday = await Realm.start({ clock: '-1d', users: { alice } });
      try {
        const { code } = await kinit(yesterday.config, 'alice', 'wonderland');
        assert.equal(code, 0, 'libkrb5 left alone believes it');
        const timesync = await yesterday.writeConfig({ more: '[libdefaults]\nkdc_timesync = 1\n' });
        for (const config of [yesterday.config, timesync]) {
          for (const canonicalize of [false, true]) {
            const verifier = verifierFor(yesterday, { config, canonicalize });
            assert.equal(
              (await failureOf(verifier.verify('alice', 'wonderland'))).code,
              'ERR_KPASS_KDC',
            );
          }
        }
      } finally {
        await yesterday.stop();
      }
    });
  });

  describe('what stands in for a password', () => {
    let pkinit: PkinitRealm;
    before(async () => {
      pkinit = await startPkinitRealm();
    });
    after(() => pkinit?.realm.stop());

    it('works in this realm: kinit logs in without a password', async () => {
      assert.equal((await kinit(pkinit.carolsConfig, 'carol', '')).code, 0);
      const anonymous = await execute('kinit', ['-n'], {
        env: { ...process.env, ...pkinit.realm.env, KRB5_CONFIG: pkinit.config },
      });
      assert.equal(anonymous.stderr, '');
    });

    for (const canonicalize of [false, true]) {
      const way = canonicalize ? ', by way of a TGT' : '';

      it(`is not a certificate: pkinit_identities makes no wrong password right${way}`, async () => {
        const options = { config: pkinit.carolsConfig, canonicalize };
        const verifier = verifierFor(pkinit.realm, options);
        assert.deepEqual(await verifier.verify('carol', 'wrong'), {
          verified: false,
          reason: 'credentials',
        });
        assert.equal((await verifier.verify('carol', 'wonderland')).verified, true);
      });

      it(`is not anonymity${way}`, async () => {
        const options = { config: pkinit.config, canonicalize };
        const verifier = verifierFor(pkinit.realm, {
          ...options,
          realms: ['EXAMPLE.COM', 'WELLKNOWN:ANONYMOUS'],
        });
        for (const user of [
          'WELLKNOWN/ANONYMOUS',
          'WELLKNOWN/ANONYMOUS@EXAMPLE.COM',
          'WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS',
        ]) {
          assert.deepEqual(await verifier.verify(user, 'anything'), {
            verified: false,
            reason: 'credentials',
          });
        }
      });
    }
  });

  describe('a rename', () => {
    // mally has an account in the realm, and controls the network. He logs in with another user's
    // name and his own password.
    function asMally({ bytes }: Request): Fault {
      renameClient(bytes, 'alice', 'mally');
      return {
        reply: (reply) =>
          replyType(reply) === 'AS-REP'
            ? clearEncPaRep(reply, 'mally', 'my own', realm.name)
            : reply,
      };
    }

    before(async () => {
      await realm.addUser('mally', 'my own');
      await proxy.use(asMally);
    });
    after(() => proxy.use('pass'));

    it("is true, and the principal names the attacker's own account", async () => {
      const verifier = verifierFor(realm, { config: proxy.config, canonicalize: true });
      assert.deepEqual(await verifier.verify('alice', 'my own'), {
        verified: true,
        principal: 'mally@EXAMPLE.COM',
        realm: 'EXAMPLE.COM',
      });
    });

    it('is false from kpass(), which returns no principal', async () => {
      const more = { service: 'HTTP', config: proxy.config, canonicalize: true };
      assert.equal(await kpassIn(realm, 'alice', 'my own', more), false);
      assert.equal(await kpassIn(realm, 'mally', 'my own', more), true);
    });

    it('is an error if the account may not be renamed', async () => {
      const more = { service: 'HTTP', config: proxy.config };
      const error = await failureOf(kpassIn(realm, 'alice', 'my own', more));
      assert.equal(error.krb5Name, 'KRB5_KDCREP_MODIFIED');
    });
  });

  describe('a referral', () => {
    it('to another realm is not followed: nothing made with the password is sent there', async () => {
      const stranger = await Realm.start({ name: 'EVIL.ORG', users: { alice: 'wonderland' } });
      const strangersProxy = await FaultProxy.start(stranger);
      try {
        const more = `[realms]\nEVIL.ORG = {\nkdc = 127.0.0.1:${strangersProxy.port}\n}\n`;
        const kdcs = [`127.0.0.1:${proxy.port}`];
        const config = await realm.writeConfig({ kdcs, more });
        await proxy.use(({ bytes }) => ({ reply: () => referral(bytes, 'EVIL.ORG') }));
        const verifier = verifierFor(realm, { config, canonicalize: true });
        assert.deepEqual(await verifier.verify('alice', 'wonderland'), {
          verified: false,
          reason: 'credentials',
        });
        assert.equal(strangersProxy.log.length, 0);
        const { stderr } = await kinit(config, 'alice', 'wonderland', '-C');
        assert(strangersProxy.log.length > 0, `kinit -C does follow it: ${stderr}`);
      } finally {
        await strangersProxy.stop();
        await stranger.stop();
      }
    });
  });
});
