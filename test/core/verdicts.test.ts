// Every verdict and every error of the contract, from real KDCs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { KpassError, type Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../support/fault-proxy';
import { startWorld } from '../support/realms';
import { keytabFrom } from '../support/services';
import { failureOf, kpassIn, verifierFor } from '../support/subject';
import { USERS } from '../support/users';

describe('verdicts', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    realm = await startWorld();
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

  describe('true', () => {
    const right = [
      'alice',
      'alice/admin',
      'utf8',
      'quotes',
      'zoë',
      'mary ann',
      'nopreauth',
      'sha2',
    ] as const;
    for (const user of right) {
      it(`for ${user} with the right password`, async () => {
        assert.equal(await kpassIn(realm, user, USERS[user].password), true);
      });
    }

    it('for a name with its realm', async () => {
      assert.equal(await kpassIn(realm, 'alice@EXAMPLE.COM', 'wonderland'), true);
    });

    it('for a password as bytes', async () => {
      const bytes = new TextEncoder().encode(USERS.utf8.password);
      assert.equal(await kpassIn(realm, 'utf8', bytes), true);
    });

    it('for a host in capitals, which is lower-cased', async () => {
      assert.equal(
        await kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', host: 'LocalHost' }),
        true,
      );
    });

    it('for a keytab named FILE:', async () => {
      const keytab = `FILE:${realm.keytab('HTTP/localhost')}`;
      assert.equal(await kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', keytab }), true);
    });

    it('names the principal and its realm as the ticket does', async () => {
      assert.deepEqual(await verifierFor(realm).verify('alice', 'wonderland'), {
        verified: true,
        principal: 'alice@EXAMPLE.COM',
        realm: 'EXAMPLE.COM',
      });
    });

    it('with two exchanges for each login, both for the service itself', async () => {
      assert.equal(
        await kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config: proxy.config }),
        true,
      );
      assert.deepEqual(proxy.requests, { 'AS-REQ': 2, 'TGS-REQ': 0, other: 0 });
    });

    it('by way of a TGT when the account may be renamed', async () => {
      const verifier = verifierFor(realm, { canonicalize: true, config: proxy.config });
      assert.deepEqual(await verifier.verify('alice', 'wonderland'), {
        verified: true,
        principal: 'alice@EXAMPLE.COM',
        realm: 'EXAMPLE.COM',
      });
      assert.deepEqual(proxy.requests, { 'AS-REQ': 2, 'TGS-REQ': 1, other: 0 });
    });

    it("by way of a TGT when the KDC's policy refuses the service's ticket to the AS exchange", async () => {
      // The proxy forges a POLICY error, as KDCs with such a policy send it.
      await proxy.use(({ n }) => (n === 1 ? { error: 12 } : 'pass'));
      assert.equal(
        await kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config: proxy.config }),
        true,
      );
      assert.equal(proxy.requests['TGS-REQ'], 1);
    });

    it("for a null host, which means this machine's canonical name", async () => {
      const config = await realm.writeConfig({ more: '' });
      const fqdn = canonicalHostname();
      await realm.addService(`HTTP/${fqdn}`);
      const keytab = realm.keytab(`HTTP/${fqdn}`);
      const wanted = { service: 'HTTP', host: null, keytab, config };
      assert.equal(await kpassIn(realm, 'alice', 'wonderland', wanted), true);
    });

    // The test realms' krb5.conf says dns_canonicalize_hostname = false: the name is used as it is.
    function canonicalHostname(): string {
      return hostname().toLowerCase();
    }

    for (const keytab of [null, '', undefined]) {
      it(`with libkrb5's default keytab for ${JSON.stringify(keytab)}`, async () => {
        // KRB5_KTNAME is a process's environment, so a child process verifies.
        const program = `
          import { kpass } from 'kpass';
          const keytab = ${keytab === undefined ? 'undefined' : JSON.stringify(keytab)};
          console.log(await kpass('alice', 'wonderland', 'HTTP', 'localhost', keytab));`;
        const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
          env: {
            ...process.env,
            KRB5_CONFIG: realm.config,
            KRB5_KTNAME: realm.keytab('HTTP/localhost'),
          },
          encoding: 'utf8',
        });
        assert.equal(printed, 'true\n');
      });
    }
  });

  describe('false', () => {
    const wrong = [
      ['the wrong password', 'alice', 'looking glass'],
      ["another user's password", 'alice', USERS['alice/admin'].password],
      ['the wrong password, no preauth required', 'nopreauth', 'looking glass'],
      ['the wrong password, aes-sha2 keys', 'sha2', 'looking glass'],
      ['a password that the right one begins with', 'alice', 'wonder'],
      ['a password that begins with the right one', 'alice', 'wonderland!'],
      ['an unknown user', 'nobody', 'wonderland'],
      ['a user of a foreign realm', 'alice@OTHER.ORG', 'wonderland'],
    ] as const;
    for (const [what, user, password] of wrong) {
      it(`for ${what}`, async () => {
        assert.equal(await kpassIn(realm, user, password), false);
        assert.deepEqual(await verifierFor(realm).verify(user, password), {
          verified: false,
          reason: 'credentials',
        });
      });
    }
  });

  describe('reasons', () => {
    const accounts = [
      ['expiredpassword', 'expired'],
      ['mustchange', 'expired'],
      ['expired', 'disabled'],
      ['disabled', 'disabled'],
      ['locked', 'disabled'],
    ] as const;
    for (const [user, reason] of accounts) {
      it(`${reason} for ${user}`, async () => {
        assert.deepEqual(await verifierFor(realm).verify(user, 'wonderland'), {
          verified: false,
          reason,
        });
      });

      it(`ERR_KPASS_ACCOUNT, ${reason}, from kpass() for ${user}`, async () => {
        const error = await failureOf(kpassIn(realm, user, 'wonderland'));
        assert.equal(error.code, 'ERR_KPASS_ACCOUNT');
        assert.equal(error.reason, reason);
        assert.equal(error.step, 'krb5_get_init_creds_password');
        assert.match(error.message, /EXAMPLE\.COM/);
        assert.match(error.krb5Name ?? '', /^KRB5KDC_ERR_(KEY_EXP|NAME_EXP|CLIENT_REVOKED)$/);
      });
    }

    it('policy if the KDC wants more than a password', async () => {
      const options = { service: 'pkinitonly', keytab: realm.keytab('pkinitonly/localhost') };
      assert.deepEqual(await verifierFor(realm, options).verify('alice', 'wonderland'), {
        verified: false,
        reason: 'policy',
      });
      const error = await failureOf(kpassIn(realm, 'alice', 'wonderland', options));
      assert.equal(error.code, 'ERR_KPASS_ACCOUNT');
      assert.equal(error.reason, 'policy');
    });
  });

  describe('ERR_KPASS_CONFIG', () => {
    async function configError(more: Partial<ConstructorParameters<typeof Verifier>[0]>) {
      const error = await failureOf(verifierFor(realm, more).verify('alice', 'wonderland'));
      assert.equal(error.code, 'ERR_KPASS_CONFIG', error.message);
      return error;
    }

    it('for a krb5.conf that does not exist', async () => {
      const error = await configError({ config: '/nonexistent/krb5.conf' });
      assert.match(error.message, /\/nonexistent\/krb5\.conf/);
      assert.equal(error.krb5Name, 'ENOENT');
    });

    it('for one of several files that does not exist', async () => {
      await configError({ config: [realm.config, '/nonexistent/krb5.conf'] });
    });

    it('for a krb5.conf that cannot be parsed', async () => {
      const config = await keytabFrom(realm, '[libdefaults]\ndefault_realm\n');
      const error = await configError({ config });
      assert.match(error.krb5Name ?? '', /^PROF_/);
      assert.match(error.message, new RegExp(config));
    });

    it('without any realm', async () => {
      const config = await keytabFrom(realm, '[libdefaults]\n');
      const error = await configError({ config });
      assert.equal(error.krb5Name, 'KRB5_CONFIG_NODEFREALM');
      assert.match(error.message, /HTTP\/localhost/);
      assert.match(error.message, new RegExp(config));
    });

    it('for a service that the KDC does not know', async () => {
      await realm.addService('gone/localhost');
      const keytab = realm.keytab('gone/localhost');
      await realm.kadmin('delprinc', 'gone/localhost');
      const error = await configError({ service: 'gone', keytab });
      assert.equal(error.krb5Name, 'KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN');
      assert.match(error.message, /gone\/localhost@EXAMPLE\.COM/);
    });

    it('for a service whose tickets the KDC gives to nobody', async () => {
      const keytab = realm.keytab('nobody/localhost');
      const error = await configError({ service: 'nobody', keytab });
      assert.equal(error.krb5Name, 'KRB5KDC_ERR_MUST_USE_USER2USER');
    });

    it('for an expired service', async () => {
      await configError({ service: 'expired', keytab: realm.keytab('expired/localhost') });
    });

    for (const service of ['HT\\TP', 'HTTP/www', 'HTTP@EXAMPLE.COM', '\\']) {
      it(`for the service name ${service}`, async () => {
        await configError({ service });
      });
    }
    for (const host of ['local/host', 'localhost@EXAMPLE.COM', 'local\\host']) {
      it(`for the host name ${host}`, async () => {
        await configError({ host });
      });
    }

    it('for a keytab of an unknown type', async () => {
      const error = await configError({ keytab: 'CLOUD:bucket' });
      assert.equal(error.krb5Name, 'KRB5_KT_UNKNOWN_TYPE');
      assert.match(error.message, /CLOUD:bucket/);
    });
  });

  describe('ERR_KPASS_KDC', () => {
    it('when no KDC runs at the addresses; the message names the realm and the KDCs', async () => {
      const config = await realm.writeConfig({ kdcs: ['127.0.0.1:1', 'localhost:1'] });
      const error = await failureOf(
        kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config }),
      );
      assert.equal(error.code, 'ERR_KPASS_KDC');
      assert.equal(error.krb5Name, 'KRB5_KDC_UNREACH');
      assert.equal(error.step, 'krb5_get_init_creds_password');
      assert.match(error.message, /EXAMPLE\.COM/);
      assert.match(error.message, /127\.0\.0\.1:1, localhost:1/);
    });

    it('when the KDC has no address', async () => {
      const config = await realm.writeConfig({ kdcs: [] });
      const error = await failureOf(
        kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config }),
      );
      assert.equal(error.code, 'ERR_KPASS_KDC');
    });

    for (const code of [60, 37]) {
      it(`when the KDC answers with the error ${code}`, async () => {
        await proxy.use({ error: code });
        const error = await failureOf(
          kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config: proxy.config }),
        );
        assert.equal(error.code, 'ERR_KPASS_KDC');
      });
    }

    it('for a garbage reply', async () => {
      await proxy.use('garbage');
      const error = await failureOf(
        kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config: proxy.config }),
      );
      assert.equal(error.code, 'ERR_KPASS_KDC');
      assert.match(error.message, new RegExp(`krb5.conf names 127.0.0.1:${proxy.port}`));
    });
  });

  it('ERR_KPASS_INTERNAL for a code that kpass does not know', async () => {
    await proxy.use({ error: 120 });
    const error = await failureOf(
      kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config: proxy.config }),
    );
    assert.equal(error.code, 'ERR_KPASS_INTERNAL');
  });

  it('ERR_KPASS_BUSY, at once, when the threads and the queue are full', async () => {
    await proxy.use('silent');
    const verifier = verifierFor(realm, {
      config: proxy.config,
      threads: 1,
      queue: 1,
      timeout: 300,
    });
    const waiting = [
      verifier.verify('alice', 'wonderland'),
      verifier.verify('alice', 'wonderland'),
    ];
    const start = performance.now();
    const error = await failureOf(verifier.verify('alice', 'wonderland'));
    assert(performance.now() - start < 250);
    assert.equal(error.code, 'ERR_KPASS_BUSY');
    assert.deepEqual(
      (await Promise.allSettled(waiting)).map((w) => w.status),
      ['rejected', 'rejected'],
    );
  });

  it('ERR_KPASS_CLOSED from a closed verifier, whose pending verifications settle', async () => {
    const verifier = verifierFor(realm);
    const pending = verifier.verify('alice', 'wonderland');
    verifier.close();
    verifier.close();
    assert.equal((await pending).verified, true);
    const error = await failureOf(verifier.verify('alice', 'wonderland'));
    assert.equal(error.code, 'ERR_KPASS_CLOSED');
    assert.deepEqual(
      [verifier.stats.verified, verifier.stats.denied, verifier.stats.failed],
      [1, 0, 1],
    );
  });

  it('no error contains the password', async () => {
    const password = 'a-password-that-is-easy-to-find';
    const cases = [
      { config: '/nonexistent' },
      { keytab: '/nonexistent' },
      { service: 'gone' },
      { config: await realm.writeConfig({ kdcs: ['127.0.0.1:1'] }) },
    ];
    for (const more of cases) {
      const error = await failureOf(verifierFor(realm, more).verify('alice', password));
      assert(!`${error.message}${error.stack}${JSON.stringify(error)}`.includes(password));
    }
    const mistake = await failureOfAny(verifierFor(realm).verify(password as never, 5 as never));
    assert(!String(mistake).includes(password));

    async function failureOfAny(promise: Promise<unknown>): Promise<unknown> {
      return promise.then(
        () => assert.fail('no rejection'),
        (error: unknown) => error,
      );
    }
  });

  it('KpassError is an Error with a name and a stack', async () => {
    const error = await failureOf(kpassIn(realm, 'alice', 'x', { service: 'HTTP', config: '/no' }));
    assert(error instanceof Error);
    assert(error instanceof KpassError);
    assert.equal(error.name, 'KpassError');
    assert.match(String(error), /^KpassError: /);
    assert.match(error.stack ?? '', /KpassError/);
  });

  it('an error has no property without a value', async () => {
    const verifier = verifierFor(realm);
    verifier.close();
    const error = await failureOf(verifier.verify('alice', 'wonderland'));
    assert.deepEqual(Object.keys(error), ['code', 'step']);
  });

  describe('realms', () => {
    let other: Realm;
    let config: string;
    before(async () => {
      other = await Realm.start({ name: 'OTHER.ORG', users: { bob: 'builder' }, services: [] });
      config = await realm.trust(other);
    });
    after(() => other?.stop());

    it('true for a user of another realm that may log in', async () => {
      const verifier = verifierFor(realm, { config, realms: ['EXAMPLE.COM', 'OTHER.ORG'] });
      assert.deepEqual(await verifier.verify('bob@OTHER.ORG', 'builder'), {
        verified: true,
        principal: 'bob@OTHER.ORG',
        realm: 'OTHER.ORG',
      });
      assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
      assert.equal((await verifier.verify('bob@OTHER.ORG', 'wrong')).verified, false);
      assert.equal((await verifier.verify('bob', 'builder')).verified, false);
    });

    it('a name without a realm belongs to the one realm that may log in', async () => {
      const verifier = verifierFor(realm, { config, realms: ['OTHER.ORG'] });
      assert.equal((await verifier.verify('bob', 'builder')).verified, true);
      assert.equal((await verifier.verify('alice', 'wonderland')).verified, false);
      assert.equal((await verifier.verify('alice@EXAMPLE.COM', 'wonderland')).verified, false);
    });

    it('false for a trusted realm that may not log in', async () => {
      assert.equal(
        await kpassIn(realm, 'bob@OTHER.ORG', 'builder', { service: 'HTTP', config }),
        false,
      );
    });

    it('ERR_KPASS_CONFIG for a realm that is not trusted', async () => {
      const stranger = await Realm.start({ name: 'STRANGER.NET', users: { eve: 'x' } });
      try {
        const error = await failureOf(
          verifierFor(realm, {
            config: await realm.writeConfig({ realms: [stranger] }),
            realms: ['STRANGER.NET'],
          }).verify('eve', 'x'),
        );
        assert.equal(error.code, 'ERR_KPASS_CONFIG');
      } finally {
        await stranger.stop();
      }
    });

    it("[domain_realm] gives the service's realm", async () => {
      const more = '[domain_realm]\nlocalhost = EXAMPLE.COM\n[libdefaults]\ndefault_realm = X\n';
      const mapped = await realm.writeConfig({ more });
      assert.equal(
        await kpassIn(realm, 'alice', 'wonderland', { service: 'HTTP', config: mapped }),
        true,
      );
    });
  });

  describe('a keytab that others can read or change', () => {
    for (const mode of [0o640, 0o620, 0o604, 0o602]) {
      it(`causes one warning: mode ${mode.toString(8)}`, async () => {
        const keytab = await realm.writeKeytab('HTTP/localhost');
        await chmod(keytab, mode);
        const warnings: Error[] = [];
        const note = (warning: Error) => warnings.push(warning);
        process.on('warning', note);
        try {
          for (let i = 0; i < 3; i++) {
            const wanted = { service: 'HTTP', keytab };
            assert.equal(await kpassIn(realm, 'alice', 'wonderland', wanted), true);
          }
          await new Promise(setImmediate);
        } finally {
          process.off('warning', note);
          await rm(keytab);
        }
        const codes = warnings.map((warning) => (warning as NodeJS.ErrnoException).code);
        assert.deepEqual(codes, ['KPASS_KEYTAB_MODE']);
        assert.match(warnings[0]?.message ?? '', new RegExp(keytab));
      });
    }

    it('causes none if only its owner can', async () => {
      const warnings: Error[] = [];
      const note = (warning: Error) => warnings.push(warning);
      process.on('warning', note);
      try {
        await verifierFor(realm).verify('alice', 'wonderland');
        await new Promise(setImmediate);
      } finally {
        process.off('warning', note);
      }
      assert.deepEqual(warnings, []);
    });
  });

  it('require and import give the same KpassError', async () => {
    const program = `
      import { createRequire } from 'node:module';
      import { KpassError } from 'kpass';
      console.log(createRequire(import.meta.url)('kpass').KpassError === KpassError);`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    assert.equal(printed, 'true\n');
  });
});
