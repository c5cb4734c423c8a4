// Never true without the keytab: each of these says true to code that leaves out a rule.

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

    it('satisfies whoever asks for a ticket and does not verify it', async () => {
      const { code } = await kinit(impostor.config, 'alice', 'hijacked');
      assert.equal(code, 0);
    });

    it('ERR_KPASS_UNVERIFIED, and the message says what it may be', async () => {
      const { config } = impostor;
      const error = await failureOf(
        kpassIn(realm, 'alice', 'hijacked', { service: 'HTTP', config }),
      );
      assert.equal(error.code, 'ERR_KPASS_UNVERIFIED');
      assert.equal(error.step, 'krb5_verify_init_creds');
      assert.match(error.message, /impostor/);
      assert.match(error.message, new RegExp(realm.keytab(SERVICE)));
    });

    it('ERR_KPASS_UNVERIFIED by way of a TGT as well', async () => {
      const verifier = verifierFor(realm, { config: impostor.config, canonicalize: true });
      assert.equal(
        (await failureOf(verifier.verify('alice', 'hijacked'))).code,
        'ERR_KPASS_UNVERIFIED',
      );
    });

    it('ERR_KPASS_UNVERIFIED for users of another realm', async () => {
      const other = await Realm.start({ name: 'OTHER.ORG', users: { bob: 'x' }, services: [] });
      try {
        const config = await impostor.trust(other);
        const verifier = verifierFor(realm, { config, realms: ['OTHER.ORG'] });
        assert.equal((await failureOf(verifier.verify('bob', 'x'))).code, 'ERR_KPASS_UNVERIFIED');
      } finally {
        await other.stop();
      }
    });

    it('can say no, as anybody can who answers for the KDC', async () => {
      const { config } = impostor;
      assert.equal(await kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config }), false);
    });
  });

  describe('the keytab', () => {
    it('ERR_KPASS_KEYTAB when it is not there', async () => {
      assert.equal(await codeWith('/nonexistent/keytab'), 'ERR_KPASS_KEYTAB');
    });

    it('ERR_KPASS_KEYTAB when it is empty', async () => {
      assert.equal(await codeWith(await keytabFrom(realm, '')), 'ERR_KPASS_KEYTAB');
    });

    it('ERR_KPASS_KEYTAB when it is garbage', async () => {
      assert.equal(await codeWith(await keytabFrom(realm, 'not a keytab')), 'ERR_KPASS_KEYTAB');
    });

    it('ERR_KPASS_KEYTAB when it is a directory', async () => {
      assert.equal(await codeWith(await keytabDirectory(realm)), 'ERR_KPASS_KEYTAB');
    });

    it('ERR_KPASS_KEYTAB when it has no key of the service, and the message names it', async () => {
      const keytab = realm.keytab('other/localhost');
      const error = await failureOf(
        kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', keytab }),
      );
      assert.equal(error.code, 'ERR_KPASS_KEYTAB');
      assert.match(error.message, /HTTP\/localhost@EXAMPLE\.COM/);
      assert.match(error.message, new RegExp(keytab));
    });

    it('ERR_KPASS_KEYTAB for an empty one in memory', async () => {
      assert.equal(await codeWith('MEMORY:nothing'), 'ERR_KPASS_KEYTAB');
    });

    it('ERR_KPASS_UNVERIFIED when it has a wrong key', async () => {
      assert.equal(await codeWith(await realm.writeWrongKeytab(SERVICE)), 'ERR_KPASS_UNVERIFIED');
    });

    it('ERR_KPASS_KEYTAB when its key is of an old version, and true with the new one', async () => {
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

    it('ERR_KPASS_KEYTAB when this user may not read it', async function () {
      const keytab = await realm.writeKeytab(SERVICE);
      await chmod(keytab, 0o000);
      await Promise.all([chmod(realm.folder, 0o755), chmod(realm.config, 0o644)]);
      assert.equal(await asNobody(keytab), 'ERR_KPASS_KEYTAB');
      this.timeout(30_000);
    });

    // root may read everything: the question is asked by a process that is not root.
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
    // Yesterday's tickets, from yesterday's KDC: who replays them must turn back the clock of the
    // one who checks them, and a client of Kerberos takes its clock from the KDC.
    it('is not taken from the KDC: ERR_KPASS_KDC when that lives in yesterday', async () => {
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

    it('is there: kinit gets in without one', async () => {
      assert.equal((await kinit(pkinit.carolsConfig, 'carol', '')).code, 0);
      const anonymous = await execute('kinit', ['-n'], {
        env: { ...process.env, ...pkinit.realm.env, KRB5_CONFIG: pkinit.config },
      });
      assert.equal(anonymous.stderr, '');
    });

    for (const canonicalize of [false, true]) {
      const way = canonicalize ? ', by way of a TGT' : '';

      it(`is no certificate: pkinit_identities does not make a wrong password right${way}`, async () => {
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
    // mally, who has an account of the realm and sits on the wire, types another's name and his own
    // password.
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

    it('is no more than another account: the principal says whose', async () => {
      const verifier = verifierFor(realm, { config: proxy.config, canonicalize: true });
      assert.deepEqual(await verifier.verify('alice', 'my own'), {
        verified: true,
        principal: 'mally@EXAMPLE.COM',
        realm: 'EXAMPLE.COM',
      });
    });

    it('is false from kpass(), which cannot say whose', async () => {
      const more = { service: 'HTTP', config: proxy.config, canonicalize: true };
      assert.equal(await kpassIn(realm, 'alice', 'my own', more), false);
      assert.equal(await kpassIn(realm, 'mally', 'my own', more), true);
    });

    it('is an error where the account may not be renamed', async () => {
      const more = { service: 'HTTP', config: proxy.config };
      const error = await failureOf(kpassIn(realm, 'alice', 'my own', more));
      assert.equal(error.krb5Name, 'KRB5_KDCREP_MODIFIED');
    });
  });

  describe('a referral', () => {
    it('to another realm is not followed: nothing made with the password goes there', async () => {
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
