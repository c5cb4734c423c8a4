// kpass doctor where krb5.conf names no KDC: DNS does, or a plug-in that only libkrb5 asks.

import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { runCommand } from '../../support/command';
import { asCResolver, nameServer, type Srv } from '../../support/dns';
import { assertFound, type Diagnosis, diagnose } from '../../support/doctor-fixture';
import { preloaded } from '../../support/preloaded';
import { SERVICE } from '../../support/subject';

describe('kpass doctor, where krb5.conf names no KDC', () => {
  let realm: Realm;
  let args: string[];
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    const more = '[libdefaults]\n  dns_lookup_kdc = true\n';
    args = ['-k', realm.keytab(SERVICE), '-c', await realm.writeConfig({ kdcs: [], more })];
  });
  after(() => realm?.stop());

  const statuses = ({ links }: Diagnosis, ...names: string[]) =>
    names.map((name) => links.find((link) => link.name === name)?.status);
  const detailOf = ({ links }: Diagnosis, name: string) =>
    links.find((link) => link.name === name)?.detail ?? '';

  async function withRecords(kdcs: readonly Srv[], uri?: string): Promise<Diagnosis> {
    await using dns = await nameServer(kdcs, uri);
    return await diagnose(args, { env: await asCResolver(dns.port, realm.folder) });
  }

  it('takes them from URI records, and the login tells whether they answer', async () => {
    const found = await withRecords([], `krb5srv:m:udp:127.0.0.1:${realm.port}`);
    equal(found.code, 0);
    match(detailOf(found, 'KDC names'), /^from DNS, URI of _kerberos\.EXAMPLE\.COM; libkrb5 reads/);
    match(detailOf(found, 'KDCs'), /^only libkrb5 knows them/);
    deepEqual(statuses(found, 'KDC names', 'KDCs', 'clock', 'key'), [
      'ok',
      'not tried',
      'not tried',
      'ok',
    ]);
  });

  it('takes the primary KDC where DNS names no other, and a login does', async () => {
    await using dns = await nameServer([], undefined, {
      '_kerberos-master._udp': [{ port: realm.port }],
      '_kerberos-master._tcp': [{ port: realm.port }],
    });
    const env = await asCResolver(dns.port, realm.folder);
    const words = ['doctor', '-H', 'localhost', '--json', ...args, 'alice', '--password-stdin'];
    // On stderr, the resolver names kpass's questions.
    const { code, stdout } = await runCommand(words, { env, input: 'wonderland' });
    equal(code, 0, stdout);
    const found: Diagnosis = { code, ...JSON.parse(stdout) };
    equal(
      detailOf(found, 'KDC names'),
      `localhost:${realm.port}, from DNS, SRV of _kerberos-master._udp.EXAMPLE.COM`,
    );
    deepEqual(statuses(found, 'KDCs', 'key', 'user', 'ticket'), ['ok', 'ok', 'ok', 'ok']);
  });

  it('is broken at the key where URI records lead nowhere', async () => {
    const found = await withRecords([], 'krb5srv:m:udp:127.0.0.1:1');
    equal(found.code, 1);
    deepEqual(statuses(found, 'KDC names', 'key'), ['ok', 'broken']);
    match(detailOf(found, 'key'), /cannot contact any KDC/i);
  });

  it('is broken where DNS has none, and says that it was asked', async () => {
    assertFound(await withRecords([]), {
      link: 'KDC names',
      detail: /^krb5\.conf names no KDC of EXAMPLE\.COM, and DNS has none either$/,
      remedy: /kdc = [\s\S]*^dig \+short SRV _kerberos\._udp\.EXAMPLE\.COM$/m,
      notTried: ['KDCs', 'clock', 'key'],
    });
  });

  describe('and a locator plug-in does', () => {
    let library: string;
    let folder: string;
    before(async () => {
      folder = join(realm.folder, 'locators');
      await mkdir(folder);
      library = await preloaded('locator', folder);
    });
    const withLocator = (port: number, more: string[] = [], input = '') =>
      diagnose([...args, ...more], {
        input,
        env: { LD_PRELOAD: library, LOCATORS: folder, KDC_PORT: String(port) },
      });

    it('is a warning, not broken: what follows is still tried', async () => {
      const found = await withLocator(realm.port);
      equal(found.code, 0, JSON.stringify(found));
      deepEqual(statuses(found, 'KDC names', 'KDCs', 'clock', 'keytab', 'key'), [
        'warning',
        'not tried',
        'not tried',
        'ok',
        'ok',
      ]);
      match(detailOf(found, 'KDC names'), /^from a plug-in that only libkrb5 asks/);
      match(found.links[3]?.remedy.at(-1) ?? '', /^kpass doctor .* --verbose$/);
    });

    it('verifies a user’s login', async () => {
      const found = await withLocator(realm.port, ['alice', '--password-stdin'], 'wonderland');
      equal(found.code, 0, JSON.stringify(found));
      deepEqual(statuses(found, 'key', 'user', 'ticket'), ['ok', 'ok', 'ok']);
    });

    it('is broken at the key where the plug-in names a dead KDC', async () => {
      const found = await withLocator(1);
      equal(found.code, 1);
      deepEqual(statuses(found, 'KDC names', 'key'), ['warning', 'broken']);
    });
  });
});
