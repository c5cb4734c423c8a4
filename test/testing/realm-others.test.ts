// A Realm with others: its impostor, a realm that it trusts, its replica.

import { deepEqual, equal, notEqual, rejects } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type KpassOptions, kpass, Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import { client, kinit } from '../support/kinit';
import { failureOf } from '../support/subject';

describe('with a Realm', () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({
      users: { alice: 'wonderland' },
      services: ['HTTP/localhost', 'imap/localhost'],
      hosts: ['.example.com'],
    });
  });
  after(() => realm?.stop());

  /** Logs in at a service of the realm, with the realm's own keytab. */
  function login(
    user: string,
    password: string,
    { service = 'HTTP', ...options }: KpassOptions & { service?: string } = {},
  ): Promise<boolean> {
    const keytab = realm.keytab(`${service}/localhost`);
    return kpass(user, password, service, 'localhost', keytab, {
      config: realm.config,
      ...options,
    });
  }

  describe('an impostor', () => {
    it('accepts its own passwords, and never satisfies the keytab', async () => {
      await using impostor = await realm.impostor({ users: { alice: 'hijacked', eve: 'evil' } });
      const { config } = impostor;
      equal(impostor.name, realm.name);
      for (const [user, password] of [
        ['alice', 'hijacked'],
        ['eve', 'evil'],
      ] as const) {
        equal((await kinit(config, user, password)).code, 0);
        for (const service of ['HTTP', 'imap']) {
          const error = await failureOf(login(user, password, { config, service }));
          equal(error.code, 'ERR_KPASS_UNVERIFIED');
        }
      }
      equal(await login('alice', 'wonderland', { config }), false);
    });

    it('may know the right password, and still lacks the key', async () => {
      await using impostor = await realm.impostor({ users: { alice: 'wonderland' } });
      const { config } = impostor;
      equal(
        (await failureOf(login('alice', 'wonderland', { config }))).code,
        'ERR_KPASS_UNVERIFIED',
      );
      const keytab = impostor.keytab('HTTP/localhost');
      equal(await kpass('alice', 'wonderland', 'HTTP', 'localhost', keytab, { config }), true);
    });

    it('has the same key versions as the realm', async () => {
      await realm.addService('rotated/localhost');
      for (let n = 0; n < 2; n++) await realm.rotateKeytab('rotated/localhost');
      await using impostor = await realm.impostor({ users: { alice: 'hijacked' } });
      const { config } = impostor;
      const keytab = impostor.keytab('rotated/localhost');
      const { stdout } = await client(config, ['klist', '-k', keytab]);
      deepEqual(
        [...stdout.matchAll(/^ +(\d+) /gm)].map(([, version]) => version),
        ['3', '3'],
      );
      equal(await kpass('alice', 'hijacked', 'rotated', 'localhost', keytab, { config }), true);
      const error = await failureOf(login('alice', 'hijacked', { config, service: 'rotated' }));
      equal(error.code, 'ERR_KPASS_UNVERIFIED');
    });

    it('gives tickets for the requested services', async () => {
      const services = ['HTTP/localhost', 'ldap/localhost'];
      await using impostor = await realm.impostor({ users: { eve: 'evil' }, services });
      equal((await kinit(impostor.config, 'eve', 'evil', '-S', 'ldap/localhost')).code, 0);
      notEqual((await kinit(impostor.config, 'eve', 'evil', '-S', 'imap/localhost')).code, 0);
    });
  });

  describe('a second realm', () => {
    let other: Realm;
    let config: string;
    before(async () => {
      const enctypes = ['aes128-cts-hmac-sha256-128'];
      const users = { bob: 'builder' };
      other = await Realm.start({ name: 'OTHER.ORG', users, hosts: ['.other.org'], enctypes });
      config = await realm.trust(other);
    });
    after(() => other?.stop());

    it('is trusted both ways', async () => {
      const realms = ['EXAMPLE.COM', 'OTHER.ORG'];
      equal(await login('bob@OTHER.ORG', 'builder', { config, realms }), true);
      equal(await login('bob@OTHER.ORG', 'wrong', { config, realms }), false);
      equal(await login('alice', 'wonderland', { config, realms }), true);

      const back = await other.trust(realm);
      const keytab = other.keytab('HTTP/localhost');
      const options = { config: back, realms: ['EXAMPLE.COM'] };
      equal(await kpass('alice', 'wonderland', 'HTTP', 'localhost', keytab, options), true);
    });

    it('is in a krb5.conf with its hosts, and the first realm is the default', async () => {
      const { stdout } = await client(config, ['sh', '-c', 'cat "$KRB5_CONFIG"']);
      equal(stdout, await readFile(config, 'utf8'));
      for (const line of [
        'default_realm = EXAMPLE.COM',
        `kdc = 127.0.0.1:${realm.port}`,
        `kdc = 127.0.0.1:${other.port}`,
        '.example.com = EXAMPLE.COM',
        '.other.org = OTHER.ORG',
      ]) {
        equal(stdout.split('\n').filter((each) => each.trim() === line).length, 1, line);
      }
    });

    it('is trusted together with a third', async () => {
      await using third = await Realm.start({ name: 'THIRD.NET', users: { carol: 'x' } });
      await realm.trust(third);
      const all = await realm.writeConfig({ realms: [other, third] });
      const realms = ['OTHER.ORG', 'THIRD.NET'];
      equal(await login('bob@OTHER.ORG', 'builder', { config: all, realms }), true);
      equal(await login('carol@THIRD.NET', 'x', { config: all, realms }), true);
    });

    it('is not trusted because of a krb5.conf alone', async () => {
      await using stranger = await Realm.start({ name: 'STRANGER.NET', users: { eve: 'x' } });
      const known = await realm.writeConfig({ realms: [stranger] });
      const realms = ['STRANGER.NET'];
      await rejects(login('eve@STRANGER.NET', 'x', { config: known, realms }), {
        code: 'ERR_KPASS_CONFIG',
      });
    });

    it('must have another name', async () => {
      await using same = await Realm.start();
      await rejects(realm.trust(same), /both realms are EXAMPLE\.COM/);
    });
  });

  describe('a replica', () => {
    let replica: Realm;
    before(async () => {
      await realm.addUser('careful', 'secret', { lockout: 2 });
      replica = await realm.replicate();
    });
    after(() => replica?.stop());

    const only = (kdc: Realm) => kdc.writeConfig({ kdcs: [`127.0.0.1:${kdc.port}`] });

    it('lets users in, alone and with its primary', async () => {
      for (const config of [replica.config, await only(replica), realm.config]) {
        equal(await login('alice', 'wonderland', { config }), true);
        equal(await login('alice', 'wrong', { config }), false);
      }
    });

    it('is asked before the primary by plain libkrb5', async () => {
      for (const kdc of [realm, replica]) await kdc.unlock('alice');
      await kinit(replica.config, 'alice', 'wrong');
      equal(await realm.failedCount('alice'), 1);
      equal(await replica.failedCount('alice'), 1);
    });

    it('may be absent', async () => {
      await replica.stopKdc();
      equal(await login('alice', 'wonderland', { config: replica.config }), true);
      await replica.startKdc();
      equal(await login('alice', 'wonderland', { config: await only(replica) }), true);
    });

    it('does not share later changes with its primary', async () => {
      await realm.addUser('newcomer', 'here I am');
      await replica.changePassword('alice', 'looking glass');
      const config = await only(replica);
      equal(await login('newcomer', 'here I am', { config }), false);
      equal(await login('alice', 'looking glass', { config }), true);
      equal(await login('alice', 'wonderland'), true);
    });

    it('has lockouts and keytabs of its own', async () => {
      const config = await only(replica);
      await replica.setState('careful', 'locked');
      equal(await replica.failedCount('careful'), 2);
      equal(await realm.failedCount('careful'), 0);
      equal(await login('careful', 'secret'), true);
      await replica.addUser('more', 'secret', { lockout: 2 });

      await replica.rotateKeytab('imap/localhost');
      const keytab = replica.keytab('imap/localhost');
      notEqual(keytab, realm.keytab('imap/localhost'));
      equal(await kpass('more', 'secret', 'imap', 'localhost', keytab, { config }), true);
      equal(await login('alice', 'wonderland', { service: 'imap' }), true);
    });

    it('lives on when its primary is stopped', async () => {
      const primary = await Realm.start({ users: { alice: 'wonderland' } });
      const second = await primary.replicate();
      await primary.stop();
      const keytab = second.keytab('HTTP/localhost');
      const verifier = new Verifier({
        service: 'HTTP',
        host: 'localhost',
        keytab,
        config: second.config,
      });
      equal((await verifier.verify('alice', 'wonderland')).verified, true);
      verifier.close();
      await second.stop();
      equal(existsSync(second.folder), false);
    });
  });
});
