// The addon's answers to `kpass doctor`: the service's name, the KDCs of a realm, and the values in
// krb5.conf. And the token of `kpass check --negotiate`.

import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { binding, FIRST_CONFIG, type KdcsReport, LAST_CONFIG } from '../../lib/binding';
import { runProgram } from '../support/child';
import { asCResolver, nameServer, type Srv } from '../support/dns';
import { acceptByGss } from '../support/initiator';

const BINDING = join(__dirname, '../../dist/binding.js');

describe('the addon tells doctor', () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
  });
  after(() => realm?.stop());

  const record = (config: string, host: string | null = 'localhost') => ({
    service: 'HTTP',
    host,
    keytab: realm.keytab('HTTP/localhost'),
    realms: [],
    upnSuffixes: [],
    domainRealms: [],
    canonicalize: false,
    trace: false,
    transport: 'kpass' as const,
    firstConfig: FIRST_CONFIG,
    config: [config],
    lastConfig: LAST_CONFIG,
    configNamed: true,
  });
  const settings = (config: string, host?: string) => binding.settings(record(config, host));

  /** krb5.conf with these values of kdc. */
  const written = async (...kdcs: string[]) => settings(await realm.writeConfig({ kdcs }));

  describe('the service’s name', () => {
    it('with its realm, in lower case', () => {
      deepEqual(binding.nameService(settings(realm.config, 'LocalHost')), {
        step: '',
        code: 0,
        message: '',
        service: 'HTTP/localhost@EXAMPLE.COM',
        realm: 'EXAMPLE.COM',
      });
    });

    it('without a realm, if krb5.conf names none', async () => {
      const config = join(realm.folder, 'bare.conf');
      await writeFile(config, '[libdefaults]\n  dns_lookup_realm = false\n');
      const { step, service, realm: none } = binding.nameService(settings(config));
      deepEqual([step, service, none], ['krb5_get_host_realm', 'HTTP/localhost', '']);
    });

    it('or why the host makes no name', () => {
      const { step, message } = binding.nameService(settings(realm.config, 'local/host'));
      equal(step, 'krb5_parse_name');
      match(message, /./);
    });

    it('or which krb5.conf it cannot read', () => {
      const { step, message } = binding.nameService(settings('/nowhere/krb5.conf'));
      equal(step, 'krb5.conf');
      match(message, /^\/nowhere\/krb5.conf: /);
    });
  });

  describe('the KDCs of a realm', () => {
    const named = { udp: true, tcp: true };

    it('as krb5.conf writes them', async () => {
      const report = binding.locateKdcs(
        await written('kdc.example.com', '127.0.0.1:750', '[::1]:751'),
        'EXAMPLE.COM',
      );
      deepEqual(report, {
        step: '',
        code: 0,
        message: '',
        source: 'krb5.conf',
        tag: 'kdc',
        dns: false,
        mistake: '',
        kdcs: [
          { name: 'kdc.example.com', host: 'kdc.example.com', port: 88, ...named },
          { name: '127.0.0.1:750', host: '127.0.0.1', port: 750, ...named },
          { name: '[::1]:751', host: '::1', port: 751, ...named },
        ],
        libkrb5Only: false,
      });
    });

    it('with those that only libkrb5 reaches', async () => {
      const proxy = 'https://proxy.example.com/KdcProxy';
      const report = binding.locateKdcs(await written(proxy), 'EXAMPLE.COM');
      deepEqual(report.kdcs, [{ name: proxy, host: '', port: 0, udp: false, tcp: false }]);
      deepEqual([report.source, report.libkrb5Only], ['krb5.conf', true]);
    });

    it('or the primary KDC of a realm that has no others', async () => {
      const config = await realm.writeConfig({
        kdcs: [],
        more: '[realms]\n  EXAMPLE.COM = {\n    master_kdc = 127.0.0.1:750\n  }\n',
      });
      const report = binding.locateKdcs(settings(config), 'EXAMPLE.COM');
      deepEqual([report.source, report.tag], ['krb5.conf', 'master_kdc']);
      deepEqual(report.kdcs, [{ name: '127.0.0.1:750', host: '127.0.0.1', port: 750, ...named }]);
    });

    it('or that nothing names any', async () => {
      const report = binding.locateKdcs(await written(), 'EXAMPLE.COM');
      deepEqual([report.source, report.kdcs, report.libkrb5Only], ['none', [], false]);
    });

    /** The addon's answer in a program whose DNS has these records. */
    async function inDns(kdcs: readonly Srv[], uri?: string): Promise<KdcsReport> {
      await using dns = await nameServer(kdcs, uri);
      const env = await asCResolver(dns.port, realm.folder);
      const config = await realm.writeConfig({
        kdcs: [],
        more: '[libdefaults]\n  dns_lookup_kdc = true\n',
      });
      const source = `
        const { binding } = require(${JSON.stringify(BINDING)});
        const settings = binding.settings(${JSON.stringify(record(config))});
        console.log(JSON.stringify(binding.locateKdcs(settings, 'EXAMPLE.COM')));`;
      const { stdout } = await runProgram(realm, source, config, env);
      return JSON.parse(stdout);
    }

    it('as SRV records name them, each once, by priority', async () => {
      const report = await inDns([
        { port: 750, priority: 2 },
        { port: 751, priority: 1 },
      ]);
      equal(report.source, 'SRV');
      deepEqual(
        report.kdcs.map(({ port, udp, tcp }) => ({ port, udp, tcp })),
        [
          { port: 751, ...named },
          { port: 750, ...named },
        ],
      );
      for (const { name, host, port } of report.kdcs) equal(name, `${host}:${port}`);
      equal(report.libkrb5Only, false);
    });

    it('or that URI records name them, which only libkrb5 reads', async () => {
      const report = await inDns([{ port: 750 }], 'krb5srv:m:udp:localhost:751');
      deepEqual([report.source, report.kdcs, report.libkrb5Only], ['URI', [], true]);
    });
  });

  it('a token of the caller’s ticket, which MIT’s own server accepts', async () => {
    const source = `
      const { binding } = require(${JSON.stringify(BINDING)});
      const settings = binding.settings(${JSON.stringify(record(realm.config))});
      const { token, ...report } = binding.ticketToken(settings);
      console.log(JSON.stringify({ ...report, token: Buffer.from(token).toString('base64') }));`;
    const cache = await realm.ticket('alice');
    const { stdout } = await runProgram(realm, source, realm.config, { KRB5CCNAME: cache });
    const { token, ...report } = JSON.parse(stdout);
    deepEqual(report, {
      step: '',
      code: 0,
      message: '',
      client: 'alice@EXAMPLE.COM',
      service: 'HTTP/localhost@EXAMPLE.COM',
      cache: `FILE:${cache}`,
    });
    const bytes = Buffer.from(token, 'base64');
    const keytab = realm.keytab('HTTP/localhost');
    equal(await acceptByGss(realm, keytab, bytes), 'alice@EXAMPLE.COM');
    await rejects(acceptByGss(realm, await realm.writeWrongKeytab('HTTP/localhost'), bytes));
  });

  it('the values in krb5.conf one by one, with the commas that they hold', async () => {
    const config = await realm.writeConfig({ more: '[kpass]\n  a = one, two\n  a = three\n' });
    deepEqual(binding.configValues(settings(config), 'kpass', 'a', null).values, [
      'one, two',
      'three',
    ]);
  });
});
