// kpass doctor: each link of the chain is broken in a real realm, and doctor has to name that one,
// say what to do, and not pretend to know what comes after it.

import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Realm } from 'kpass/testing';
import { AS_NOBODY, COMMAND, runCommand } from '../support/command';
import { asCResolver, nameServer } from '../support/dns';
import { assertFound, diagnose, type Expected, LINKS } from '../support/doctor';
import { FaultProxy, type Mode } from '../support/fault-proxy';
import { keytabDirectory, keytabFrom } from '../support/services';
import { SERVICE } from '../support/subject';
import { atTerminal } from '../support/terminal';

describe('kpass doctor', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  const folders: string[] = [];
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    proxy = await FaultProxy.start(realm);
  });
  after(async () => {
    await proxy?.stop();
    await realm?.stop();
    for (const folder of folders) {
      await chmod(join(folder, 'closed'), 0o700).catch(() => {});
      await rm(folder, { recursive: true, force: true });
    }
  });

  /** Options for this realm: another keytab, another krb5.conf. */
  const given = (keytab = realm.keytab(SERVICE), config = realm.config) => [
    ...['-k', keytab],
    ...['-c', config],
  ];
  const configFrom = (text: string) => keytabFrom(realm, text);

  it('finds nothing where nothing is broken', async () => {
    const { code, ok: holds, links } = await diagnose(given());
    deepEqual([code, holds], [0, true]);
    deepEqual(
      links.map(({ name, status }) => [name, status]),
      LINKS.map((name) => [name, 'ok']),
    );
    const details = Object.fromEntries(links.map(({ name, detail }) => [name, detail]));
    match(details.libkrb5 ?? '', /^MIT krb5 1\.\d+.*\/libkrb5\.so/);
    match(details['krb5.conf'] ?? '', new RegExp(`^${realm.config} \\(from --config\\)`));
    match(details.realm ?? '', /^EXAMPLE\.COM, from default_realm.*HTTP\/localhost@EXAMPLE\.COM/);
    equal(details['KDC names'], `127.0.0.1:${realm.port}, from krb5.conf`);
    match(details.KDCs ?? '', /: UDP \d+\.\d ms, TCP \d+\.\d ms$/);
    match(details.clock ?? '', /^within a second/);
    match(details.keytab ?? '', /mode 0600; HTTP\/localhost@EXAMPLE\.COM: version 1 \(aes256-cts/);
    match(details.key ?? '', /^logged in .* current key is version 1$/);
    ok(links.every(({ remedy }) => remedy.length === 0));
  });

  it('takes krb5.conf and the keytab from the environment, as libkrb5 does', async () => {
    const { code, links } = await diagnose([], { env: realm.env });
    equal(code, 0);
    match(links[1]?.detail ?? '', /from KRB5_CONFIG/);
  });

  it('takes a krb5.conf in the home of the user, as macOS names its own', async () => {
    const config = `~/${relative(realm.folder, realm.config)}`;
    const env = { ...realm.env, HOME: realm.folder, KRB5_CONFIG: config };
    const { code, links } = await diagnose([], { env });
    equal(code, 0);
    match(links[1]?.detail ?? '', new RegExp(`^${realm.config} `));
  });

  it('takes paths that begin where it is run', async () => {
    const here = (path: string) => relative(process.cwd(), path);
    const { code, links } = await diagnose(given(here(realm.keytab(SERVICE)), here(realm.config)));
    equal(code, 0);
    match(links[6]?.detail ?? '', /mode 0600/);
  });

  const AFTER_CONFIG = LINKS.slice(2);
  const AFTER_REALM = LINKS.slice(3);

  describe('libkrb5', () => {
    it('is broken where it is not installed', async () => {
      const stub = join(realm.folder, 'stub.cjs');
      await writeFile(
        stub,
        `require('node:module')._extensions['.node'] = () => {
           throw new Error('libkrb5.so.3: cannot open shared object file: No such file');
         };`,
      );
      assertFound(await diagnose(given(), { node: ['--require', stub] }), {
        link: 'libkrb5',
        detail: /cannot load.*libkrb5\.so\.3/,
        remedy: /Install libkrb5-3 \(Debian/,
        notTried: LINKS.slice(1),
      });
    });
  });

  describe('krb5.conf', () => {
    const brokenConfig = (detail: RegExp, remedy: RegExp): Expected => ({
      link: 'krb5.conf',
      detail,
      remedy,
      notTried: AFTER_CONFIG,
    });

    it('is broken where it is not there', async () => {
      const args = given(undefined, '/nonexistent/krb5.conf');
      const expected = brokenConfig(/^\/nonexistent\/krb5\.conf does not exist/, /default_realm =/);
      assertFound(await diagnose(args), expected);
    });

    it('is broken where KRB5_CONFIG names one that is not there', async () => {
      const expected = brokenConfig(/nonexistent.*from KRB5_CONFIG/, /./);
      assertFound(await diagnose(['-k', realm.keytab(SERVICE)]), expected);
    });

    it('is broken where KRB5_CONFIG is empty: libkrb5 takes that for a path', async () => {
      const found = await diagnose(['-k', realm.keytab(SERVICE)], { env: { KRB5_CONFIG: '' } });
      assertFound(
        found,
        brokenConfig(/^an empty path \(from KRB5_CONFIG\)/, /^unset KRB5_CONFIG$/),
      );
    });

    it('is broken where this user may not read it', async () => {
      const folder = await openFolder();
      const config = join(folder, 'krb5.conf');
      await writeFile(config, await readFile(realm.config));
      await chmod(config, 0o000);
      const found = await diagnose(given(undefined, config), { node: AS_NOBODY });
      assertFound(
        found,
        brokenConfig(/krb5\.conf cannot be read by \w+ \(uid \d+\)/, /chmod a\+r/),
      );
    });

    it('is broken where it cannot be parsed; the line is named', async () => {
      const config = await configFrom(
        '[libdefaults]\n  default_realm = X\n\n  dns_lookup_kdc\n[realms]\n',
      );
      const expected = brokenConfig(/syntax error.*at line 4 /i, /sed -n 4p/);
      assertFound(await diagnose(given(undefined, config)), expected);
    });

    it('is a warning where one of several defaults is not there', async () => {
      const env = { KRB5_CONFIG: `/nonexistent/krb5.conf:${realm.config}` };
      const { code, links } = await diagnose(['-k', realm.keytab(SERVICE)], { env });
      equal(code, 0);
      deepEqual(
        links.filter(({ name }) => name === 'krb5.conf').map(({ status }) => status),
        ['warning', 'ok'],
      );
    });
  });

  describe('the realm', () => {
    it('is broken where krb5.conf says none', async () => {
      const config = await configFrom('[libdefaults]\n  dns_lookup_realm = false\n');
      assertFound(await diagnose(given(undefined, config)), {
        link: 'realm',
        detail: /no realm for HTTP\/localhost/,
        remedy: /default_realm = /,
        notTried: AFTER_REALM,
      });
    });

    it('is broken where the keytab’s key is of another one', async () => {
      const config = await configFrom('[libdefaults]\n  default_realm = WRONG.REALM\n');
      assertFound(await diagnose(given(undefined, config)), {
        link: 'realm',
        detail: /wrong realm: default_realm .* WRONG\.REALM, but .* HTTP\/localhost@EXAMPLE\.COM/,
        remedy: /\[domain_realm\]\n +localhost = EXAMPLE\.COM/,
        notTried: AFTER_REALM,
      });
    });

    it('is broken where the host is a URL', async () => {
      const { code, links } = await diagnose([...given(), '-H', 'https://localhost/']);
      equal(code, 1);
      const found = links.find(({ status }) => status === 'broken');
      equal(found?.name, 'realm');
      match(found?.detail ?? '', /is not a service name/);
      match(found?.remedy.join('\n') ?? '', /^kpass doctor -H www\.example\.com -k /m);
    });

    it('is broken where [domain_realm] says another one', async () => {
      const more = '[domain_realm]\n  localhost = WRONG.REALM\n';
      assertFound(await diagnose(given(undefined, await realm.writeConfig({ more }))), {
        link: 'realm',
        detail: /wrong realm: \[domain_realm\] .* WRONG\.REALM/,
        notTried: AFTER_REALM,
      });
    });
  });

  describe('the KDCs’ names', () => {
    it('are broken where neither krb5.conf nor DNS is to tell', async () => {
      const config = await realm.writeConfig({ kdcs: [] });
      assertFound(await diagnose(given(undefined, config)), {
        link: 'KDC names',
        detail: /no KDC of EXAMPLE\.COM, and dns_lookup_kdc is off/,
        remedy: /kdc = /,
        notTried: ['KDCs', 'clock', 'key'],
      });
    });

    it('are found in DNS where krb5.conf has none', async () => {
      await using dns = await nameServer([{ port: realm.port }]);
      const config = await realm.writeConfig({
        kdcs: [],
        more: '[libdefaults]\n  dns_lookup_kdc = true\n',
      });
      const env = await asCResolver(dns.port, realm.folder);
      const { links } = await diagnose(given(undefined, config), { env });
      const [names, kdcs] = [links[3], links[4]];
      match(names?.detail ?? '', new RegExp(`^localhost:${realm.port}, from DNS`));
      deepEqual([names?.status, kdcs?.status], ['ok', 'ok']);
    });
  });

  describe('the KDCs', () => {
    const NOT_ANSWERING = { link: 'KDCs', notTried: ['clock', 'key'] } as const;
    const through = async (mode: Mode) => {
      await proxy.use(mode);
      return given(undefined, proxy.config);
    };

    it('are broken where they have stopped', async () => {
      await realm.stopKdc();
      try {
        assertFound(await diagnose(given()), {
          ...NOT_ANSWERING,
          detail: /UDP refused: .*, TCP refused: /,
          remedy: /systemctl status krb5-kdc[\s\S]*nc -vz 127\.0\.0\.1 \d+/,
        });
      } finally {
        await realm.startKdc();
      }
    });

    const faults: Record<string, [mode: Mode, detail: RegExp]> = {
      'nothing comes back': ['silent', /UDP no answer in 3000 ms, TCP no answer in 3000 ms/],
      'something else answers': ['garbage', /UDP answers, but not in Kerberos/],
      'they are another realm’s': [{ error: 68 }, /it is not a KDC of EXAMPLE\.COM/],
    };
    for (const [what, [mode, detail]] of Object.entries(faults)) {
      it(`are broken where ${what}`, async () => {
        assertFound(await diagnose(await through(mode)), { ...NOT_ANSWERING, detail });
      });
    }

    it('are broken where the name has no address', async () => {
      const config = await realm.writeConfig({ kdcs: ['kdc.invalid'] });
      assertFound(await diagnose(given(undefined, config)), {
        ...NOT_ANSWERING,
        detail: /^kdc\.invalid: the name has no address/,
        remedy: /getent hosts kdc\.invalid/,
      });
    });

    it('are a warning where they answer over TCP only', async () => {
      const args = await through(({ transport }) => (transport === 'udp' ? 'silent' : 'pass'));
      assertFound(await diagnose(args), {
        link: 'KDCs',
        status: 'warning',
        detail: /UDP no answer in \d+ ms, TCP \d+\.\d ms; some logins try UDP first/,
        remedy: /udp_preference_limit = 1/,
      });
    });

    it('are a warning where they answer over UDP only', async () => {
      const args = await through(({ transport }) => (transport === 'tcp' ? 'reset' : 'pass'));
      assertFound(await diagnose(args), {
        link: 'KDCs',
        status: 'warning',
        detail: /UDP \d+\.\d ms, TCP .*; a reply that is too large/,
        remedy: /Allow TCP to port/,
      });
    });

    it('are a warning where one of two is dead', async () => {
      const config = await realm.writeConfig({ kdcs: ['127.0.0.1:1', `localhost:${realm.port}`] });
      const { code, links } = await diagnose(given(undefined, config));
      equal(code, 0);
      deepEqual(
        links.filter(({ name }) => name === 'KDCs').map(({ status }) => status),
        ['warning', 'ok'],
      );
      match(links[4]?.detail ?? '', /^127\.0\.0\.1:1: UDP refused.*another KDC answers/);
    });
  });

  describe('the clock', () => {
    const clocks: [clock: string, status: 'broken' | 'warning', detail: RegExp][] = [
      ['+10m', 'broken', /^(599|600|601) s behind the KDC's .* 300 s are allowed/],
      ['-10m', 'broken', /^(599|600|601) s ahead of the KDC's/],
      ['+2m', 'warning', /^(119|120|121) s behind/],
    ];
    for (const [clock, status, detail] of clocks) {
      it(`is ${status === 'broken' ? status : `a ${status}`} where the KDC’s is at ${clock}`, async () => {
        await using skewed = await Realm.start({ clock });
        const args = ['-k', skewed.keytab(SERVICE), '-c', skewed.config];
        const notTried = status === 'broken' ? (['key'] as const) : [];
        const remedy = /timedatectl set-ntp true/;
        assertFound(await diagnose(args), { link: 'clock', status, detail, remedy, notTried });
      });
    }

    it('may differ by what krb5.conf allows', async () => {
      await using skewed = await Realm.start({ clock: '+10m' });
      const config = await skewed.writeConfig({ more: '[libdefaults]\n  clockskew = 900\n' });
      const { links } = await diagnose(['-k', skewed.keytab(SERVICE), '-c', config]);
      equal(links[5]?.status, 'warning');
    });
  });

  describe('the keytab', () => {
    const noKeytab = (detail: RegExp, remedy = /kadmin -q 'ktadd -k /): Expected => ({
      link: 'keytab',
      detail,
      remedy,
      notTried: ['key'],
    });

    const keytabs: Record<string, [keytab: () => string | Promise<string>, Expected]> = {
      'it is not there': [() => '/nonexistent/keytab', noKeytab(/^\/nonexistent\/keytab does not/)],
      'it is a folder': [
        () => keytabDirectory(realm),
        noKeytab(/is not a file/, /--keytab \/path/),
      ],
      'it is empty': [() => keytabFrom(realm, ''), noKeytab(/is not a keytab: /)],
      'it is no keytab': [() => keytabFrom(realm, '#!/bin/sh\n'), noKeytab(/is not a keytab: /)],
      'it holds no key': [
        () => keytabFrom(realm, Uint8Array.of(5, 2)),
        noKeytab(/a keytab without a key/),
      ],
      'its type is unknown': [
        () => 'CLOUD:bucket',
        noKeytab(/^CLOUD:bucket: Unknown Key table type/, /--keytab \/path/),
      ],
      'it has keys of others only': [
        async () => {
          await realm.addService('imap/mail.example');
          return realm.keytab('imap/mail.example');
        },
        noKeytab(
          /no key of HTTP\/localhost@EXAMPLE\.COM; it has keys of imap\/mail\.example@EXAMPLE\.COM/,
          /^kpass doctor -s imap -H mail\.example -k \S+imap_mail\.example\.keytab -c \S+$/m,
        ),
      ],
    };
    for (const [what, [keytab, expected]] of Object.entries(keytabs)) {
      it(`is broken where ${what}`, async () => {
        assertFound(await diagnose(given(await keytab())), expected);
      });
    }

    it('is broken where this user may not read it', async () => {
      const { config, keytab } = await copies();
      await chmod(keytab, 0o000);
      const found = await diagnose(given(keytab, config), { node: AS_NOBODY });
      assertFound(
        found,
        noKeytab(
          /cannot be read by \w+ \(uid \d+\): owner \w+, mode 0000/,
          /chown \w+ .*\nchmod 400 /,
        ),
      );
    });

    it('is broken where this user may not enter its folder', async () => {
      const { config } = await copies();
      const closed = join(await openFolder(), 'closed');
      const keytab = join(closed, 'keytab');
      await mkdir(closed);
      await writeFile(keytab, await readFile(realm.keytab(SERVICE)));
      await chmod(closed, 0o000);
      const found = await diagnose(given(keytab, config), { node: AS_NOBODY });
      assertFound(
        found,
        noKeytab(/cannot be reached by .*: no permission to enter .*\/closed$/, /ls -ld /),
      );
    });

    it('is a warning where others may read it', async () => {
      const keytab = await realm.writeKeytab(SERVICE);
      await chmod(keytab, 0o644);
      assertFound(await diagnose(given(keytab)), {
        link: 'keytab',
        status: 'warning',
        detail: /mode 0644; .*users other than its owner can read/,
        remedy: /chmod 400 /,
      });
    });

    /** A krb5.conf and a keytab where everybody can get at them. */
    async function copies(): Promise<{ config: string; keytab: string }> {
      const folder = await openFolder();
      const config = join(folder, 'krb5.conf');
      const keytab = join(folder, 'keytab');
      await writeFile(config, await readFile(realm.config), { mode: 0o644 });
      await writeFile(keytab, await readFile(realm.keytab(SERVICE)));
      return { config, keytab };
    }
  });

  describe('the key', () => {
    const brokenKey = (detail: RegExp, remedy = /kadmin -q 'ktadd -k /): Expected => ({
      link: 'key',
      detail,
      remedy,
    });
    const flagged = async (service: string, ...flags: string[]) => {
      await realm.addService(`${service}/localhost`, { flags });
      return ['-s', service, ...given(realm.keytab(`${service}/localhost`))];
    };

    it('is broken where it is another one', async () => {
      const args = given(await realm.writeWrongKeytab(SERVICE));
      const expected = brokenKey(
        /^wrong key: the keytab's version 1 and the KDC's version 1 differ/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken where an impostor answers for the KDC', async () => {
      await using impostor = await realm.impostor({ users: { alice: 'hijacked' } });
      const args = given(undefined, impostor.config);
      assertFound(await diagnose(args), brokenKey(/or an impostor answers for the KDC/));
    });

    it('is broken where the KDC has a newer version', async () => {
      const args = await flagged('old');
      await realm.rotateKey('old/localhost');
      const expected = brokenKey(
        /^old key version: .* is version 2, but the keytab has version 1$/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken where the keytab numbers it otherwise', async () => {
      const bytes = await readFile(await realm.writeKeytab(SERVICE));
      const args = given(await keytabFrom(realm, renumbered(bytes, 7)));
      const expected = brokenKey(
        /^the key is the KDC's, but with version 1 there, and version 7 in the/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken where the keytab lacks the type that the KDC uses', async () => {
      const keytab = join(realm.folder, 'one-type.keytab');
      await realm.kadmin('ktadd', '-norandkey', '-k', keytab, SERVICE);
      const bytes = await readFile(keytab);
      const first = 2 + 4 + bytes.readInt32BE(2);
      const second = Buffer.concat([bytes.subarray(0, 2), bytes.subarray(first)]);
      const args = given(await keytabFrom(realm, second));
      const expected = brokenKey(
        /tickets with an aes256-\S+ key, but the keytab has only aes128-\S+$/,
      );
      assertFound(await diagnose(args), expected);
    });

    for (const [what, setting] of Object.entries({
      'the KDC has no key of the types that krb5.conf permits':
        'permitted_enctypes = aes256-cts-hmac-sha384-192',
      'krb5.conf asks for another type': 'default_tkt_enctypes = rc4-hmac',
      'krb5.conf does not permit the type of the ticket':
        'permitted_enctypes = aes128-cts-hmac-sha1-96',
    })) {
      it(`is broken where ${what}, and no new keytab is advised`, async () => {
        const config = await realm.writeConfig({ more: `[libdefaults]\n  ${setting}\n` });
        const { links, ...rest } = await diagnose(given(undefined, config));
        const says = new RegExp(`^no encryption type in common: krb5\\.conf says ${setting}`);
        assertFound({ links, ...rest }, brokenKey(says, new RegExp(`^${setting}$`, 'm')));
        doesNotMatch(JSON.stringify(links), /ktadd/);
      });
    }

    it('is broken where it is old or wrong, and the KDC wants a proof before it tells', async () => {
      const args = await flagged('proof', '+requires_preauth');
      equal((await diagnose(args)).code, 0);
      await realm.rotateKey('proof/localhost');
      const expected = brokenKey(
        /\(version 1\) is not the KDC's key: it is an old version or another key/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken where the KDC does not know the service', async () => {
      const args = await flagged('gone');
      await realm.kadmin('delprinc', 'gone/localhost');
      const expected = brokenKey(
        /knows no account gone\/localhost@EXAMPLE\.COM that may log in$/,
        /addprinc/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken where the KDC is one of another realm', async () => {
      await using other = await Realm.start({ name: 'OTHER.ORG' });
      const config = await other.writeConfig({ kdcs: [`127.0.0.1:${realm.port}`] });
      const expected = brokenKey(
        /and no krbtgt\/OTHER\.ORG: is it a KDC of OTHER\.ORG\?$/,
        /\[realms\]/,
      );
      assertFound(await diagnose(given(other.keytab(SERVICE), config)), expected);
    });

    it('is broken where the KDC gives the service’s ticket to nobody', async () => {
      const expected = brokenKey(
        /no tickets for nobody\/localhost@EXAMPLE\.COM \(-allow_svr\)/,
        /modprinc \+allow_svr/,
      );
      assertFound(await diagnose(await flagged('nobody', '-allow_svr')), expected);
    });

    for (const [service, flags] of [
      ['expired', ['-expire', '1/1/2001']],
      ['disabled', ['-allow_tix']],
    ] as const) {
      it(`is broken where the service is ${service}`, async () => {
        const expected = brokenKey(/locked or expired/, /modprinc .*\+allow_tix/);
        assertFound(await diagnose(await flagged(service, ...flags)), expected);
      });
    }
  });

  describe('the host', () => {
    it('is a warning where its name has no address: kpass needs none', async () => {
      await realm.addService('HTTP/www.invalid');
      const args = ['-H', 'www.invalid', ...given(realm.keytab('HTTP/www.invalid'))];
      assertFound(await diagnose(args), {
        link: 'host',
        status: 'warning',
        detail: /^www\.invalid has no address/,
        remedy: /getent hosts www\.invalid/,
      });
    });
  });

  describe('a user’s login', () => {
    const login = (args: string[], input: string) =>
      diagnose(['alice', '--password-stdin', ...args], { input });

    it('is the end of the chain, step by step', async () => {
      const { code, links } = await login(given(), 'wonderland\n');
      equal(code, 0);
      deepEqual(
        links.map(({ name, status }) => [name, status]),
        [...LINKS, 'user', 'ticket'].map((name) => [name, 'ok']),
      );
      match(links.at(-2)?.detail ?? '', /^alice@EXAMPLE\.COM: the KDC accepts the password/);
      match(links.at(-1)?.detail ?? '', /opens with the keytab's key/);
    });

    it('breaks at the ticket where the user’s realm is not trusted', async () => {
      await using other = await Realm.start({ name: 'OTHER.ORG', users: { bob: 'builder' } });
      const args = [
        '-r',
        'OTHER.ORG',
        ...given(undefined, await realm.writeConfig({ realms: [other] })),
      ];
      const input = { input: 'builder' };
      const found = await diagnose(['bob@OTHER.ORG', '--password-stdin', ...args], input);
      assertFound(found, { link: 'ticket', detail: /ERR_KPASS_CONFIG/, remedy: /--verbose/ });
      match(found.links.at(-2)?.detail ?? '', /^bob@OTHER\.ORG: the KDC accepts the password/);
    });

    it('is broken for a wrong password', async () => {
      const expected = {
        detail: /^alice: wrong user name or password/,
        remedy: /^KRB5_CONFIG=\S+ kinit alice$/m,
      };
      assertFound(await login(given(), 'looking glass'), {
        link: 'user',
        ...expected,
        notTried: ['ticket'],
      });
    });

    it('is broken for a realm whose users may not log in', async () => {
      const input = { input: 'wonderland' };
      const found = await diagnose(['bob@OTHER.ORG', '--password-stdin', ...given()], input);
      assertFound(found, {
        link: 'user',
        detail:
          /^bob@OTHER\.ORG: users of OTHER\.ORG may not log in here; only users of EXAMPLE\.COM may/,
        remedy: /^kpass doctor -H localhost .* -r EXAMPLE\.COM -r OTHER\.ORG .*bob@OTHER\.ORG$/m,
        notTried: ['ticket'],
      });
    });

    it('is not tried where the chain breaks before it', async () => {
      assertFound(await login(given('/nonexistent/keytab'), 'wonderland'), {
        link: 'keytab',
        detail: /does not exist/,
        notTried: ['key', 'user', 'ticket'],
      });
    });

    it('decides where the service cannot log in itself', async () => {
      await realm.addService('away/localhost');
      const args = ['-s', 'away', ...given(realm.keytab('away/localhost'))];
      await realm.kadmin('delprinc', 'away/localhost');
      const { code, links } = await login(args, 'wonderland');
      equal(code, 1);
      const last = links.slice(-4).map(({ name, status }) => [name, status]);
      deepEqual(last, [
        ['key', 'warning'],
        ['host', 'ok'],
        ['user', 'broken'],
        ['ticket', 'not tried'],
      ]);
      match(links.at(-2)?.detail ?? '', /ERR_KPASS_CONFIG/);
    });

    it('comes with libkrb5’s own account with --verbose, and without the password', async () => {
      const { links } = await login([...given(), '--verbose'], 'wonderland');
      const traces = links.filter(({ trace }) => trace !== undefined);
      deepEqual(
        traces.map(({ name }) => name),
        ['key', 'user'],
      );
      for (const { trace = [] } of traces)
        match(trace.join('\n'), /Sending (initial )?UDP request|kpass asks UDP/);
      doesNotMatch(JSON.stringify(links), /wonderland/);
      const quiet = await login(given(), 'wonderland');
      ok(quiet.links.every(({ trace }) => trace === undefined));
    });
  });

  describe('for a person', () => {
    it('has a line for each link, and what to do under the broken one', async () => {
      const args = ['doctor', '-H', 'localhost', ...given('/nonexistent/keytab')];
      const { code, stdout, stderr } = await runCommand(args);
      deepEqual([code, stderr], [1, '']);
      const [chain = '', summary] = stdout.trimEnd().split('\n\n');
      equal(summary, 'Broken: keytab. Repair it, and run doctor again.');
      const lines = chain.split('\n');
      deepEqual(
        lines.filter((line) => !line.startsWith(' ')).map((line) => line[0]),
        [...'✓✓✓✓✓✓✗·✓'],
      );
      const at = lines.findIndex((line) => line.startsWith('✗ keytab '));
      match(lines[at + 1] ?? '', /^ {12}│ /);
      match(stdout, /^· key +not tried: depends on keytab$/m);
      ok(!stdout.includes('\x1b'));
    });

    it('ends with what to try next, or with the login', async () => {
      const args = ['doctor', '-H', 'localhost', ...given()];
      const alone = await runCommand(args);
      const [, next = '', user = ''] = /(.*)\n {2}(.*)\n$/.exec(alone.stdout) ?? [];
      equal(next, "Nothing is broken. To test a user's login too, run:");
      const [command, ...words] = user.split(' ');
      deepEqual([command, words], ['kpass', ['doctor', ...args.slice(1), 'USER']]);
      const whole = await runCommand([...args, 'alice', '--password-stdin'], {
        input: 'wonderland',
      });
      match(whole.stdout, /\n\nNothing is broken, and the login is verified\.\n$/);
    });

    it('has colours and progress at a terminal, and asks for the password first', async () => {
      const command = [process.execPath, COMMAND, 'doctor', 'alice', '-H', 'localhost', ...given()];
      const steps = [{ wait: 'Password of alice: ', type: 'wonderland\r' }];
      const { code, shown } = await atTerminal(command, steps);
      equal(code, 0, shown);
      ok(shown.indexOf('Password') < shown.indexOf('libkrb5'));
      ok(shown.includes('… asking the KDCs\r\x1b[K'));
      ok(shown.includes('\x1b[32m✓'));
      doesNotMatch(shown, /wonderland/);
    });
  });

  /** A folder that every user may enter, unlike the realm's. */
  async function openFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'kpass-doctor-test-'));
    folders.push(folder);
    await chmod(folder, 0o755);
    return folder;
  }
});

/** A keytab whose keys have this version: four bytes at the end of each entry, after its length. */
function renumbered(keytab: Buffer, version: number): Buffer {
  const bytes = Buffer.from(keytab);
  for (let start = 2; start < bytes.length; ) {
    const end = start + 4 + bytes.readInt32BE(start);
    bytes.writeUInt32BE(version, end - 4);
    start = end;
  }
  return bytes;
}
