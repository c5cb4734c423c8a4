// The tests of kpass doctor break each link of the chain in a real realm. Doctor must name that
// link, print a remedy, and claim nothing about the links after it. This file breaks libkrb5,
// krb5.conf and the realm.

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { AS_NOBODY } from '../../support/command';
import {
  assertFound,
  DoctorFixture,
  diagnose,
  type Expected,
  LINKS,
} from '../../support/doctor-fixture';
import { SERVICE } from '../../support/subject';

describe('kpass doctor', () => {
  const fixture = new DoctorFixture();

  it('reports every link as ok if nothing is broken', async () => {
    const { code, ok: holds, links } = await diagnose(fixture.given());
    deepEqual([code, holds], [0, true]);
    deepEqual(
      links.map(({ name, status }) => [name, status]),
      LINKS.map((name) => [name, 'ok']),
    );
    const details = Object.fromEntries(links.map(({ name, detail }) => [name, detail]));
    match(details.libkrb5 ?? '', /^MIT krb5 1\.\d+.*\/libkrb5\.so/);
    match(details['krb5.conf'] ?? '', new RegExp(`^${fixture.config} \\(from --config\\)`));
    match(details.realm ?? '', /^EXAMPLE\.COM, from default_realm.*HTTP\/localhost@EXAMPLE\.COM/);
    equal(details['KDC names'], `127.0.0.1:${fixture.realm.port}, from krb5.conf`);
    match(details.KDCs ?? '', /: UDP \d+\.\d ms, TCP \d+\.\d ms$/);
    match(details.clock ?? '', /^within a second/);
    match(details.keytab ?? '', /mode 0600; HTTP\/localhost@EXAMPLE\.COM: version 1 \(aes256-cts/);
    match(details.key ?? '', /^logged in .* current key is version 1$/);
    ok(links.every(({ remedy }) => remedy.length === 0));
  });

  it('finds krb5.conf and the keytab by the environment, as libkrb5 does', async () => {
    const { code, links } = await diagnose([], { env: fixture.realm.env });
    equal(code, 0);
    match(links[1]?.detail ?? '', /from KRB5_CONFIG/);
  });

  it('accepts a path of krb5.conf that begins with ~, as the one of macOS does', async () => {
    const config = `~/${relative(fixture.realm.folder, fixture.config)}`;
    const env = { ...fixture.realm.env, HOME: fixture.realm.folder, KRB5_CONFIG: config };
    const { code, links } = await diagnose([], { env });
    equal(code, 0);
    match(links[1]?.detail ?? '', new RegExp(`^${fixture.config} `));
  });

  it('accepts relative paths', async () => {
    const here = (path: string) => relative(process.cwd(), path);
    const { code, links } = await diagnose(
      fixture.given(here(fixture.realm.keytab(SERVICE)), here(fixture.config)),
    );
    equal(code, 0);
    match(links[6]?.detail ?? '', /mode 0600/);
  });

  const AFTER_CONFIG = LINKS.slice(2);
  const AFTER_REALM = LINKS.slice(3);

  describe('libkrb5', () => {
    it('is broken if it is not installed', async () => {
      const stub = join(fixture.realm.folder, 'stub.cjs');
      await writeFile(
        stub,
        `require('node:module')._extensions['.node'] = () => {
           throw new Error('libkrb5.so.3: cannot open shared object file: No such file');
         };`,
      );
      assertFound(await diagnose(fixture.given(), { node: ['--require', stub] }), {
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

    it('is broken if it does not exist', async () => {
      const args = fixture.given(undefined, '/nonexistent/krb5.conf');
      const expected = brokenConfig(
        /^\/nonexistent\/krb5\.conf does not exist/,
        /^Correct the option --config, or write the file:\n\[libdefaults\]\n +default_realm =/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken if KRB5_CONFIG names a file that does not exist', async () => {
      const expected = brokenConfig(
        /nonexistent.*from KRB5_CONFIG/,
        /^Correct the variable, [\s\S]*^unset KRB5_CONFIG$[\s\S]*default_realm =/m,
      );
      assertFound(await diagnose(['-k', fixture.realm.keytab(SERVICE)]), expected);
    });

    it('is broken if it is in a folder that this user may not enter, also by a link', async () => {
      const folder = await fixture.openFolder();
      const closed = join(folder, 'closed');
      await mkdir(join(closed, 'inner'), { recursive: true });
      await writeFile(join(closed, 'inner/krb5.conf'), await readFile(fixture.config));
      await symlink('closed/inner/krb5.conf', join(folder, 'link'));
      await chmod(closed, 0o700);
      for (const config of [join(closed, 'inner/krb5.conf'), join(folder, 'link')]) {
        const found = await diagnose(fixture.given(undefined, config), { node: AS_NOBODY });
        const expected = brokenConfig(
          new RegExp(`^${config} cannot be reached by \\w+ \\(uid \\d+\\): .* enter ${closed} `),
          new RegExp(`^ls -ld ${closed}\n[\\s\\S]*^setfacl -m u:\\w+:x ${closed}$`, 'm'),
        );
        assertFound(found, expected);
      }
    });

    it('is broken if KRB5_CONFIG is empty, which libkrb5 takes for a path', async () => {
      const found = await diagnose(['-k', fixture.realm.keytab(SERVICE)], {
        env: { KRB5_CONFIG: '' },
      });
      assertFound(
        found,
        brokenConfig(/^an empty path \(from KRB5_CONFIG\)/, /^unset KRB5_CONFIG$/),
      );
    });

    it('is broken if this user may not read it', async () => {
      const folder = await fixture.openFolder();
      const config = join(folder, 'krb5.conf');
      await writeFile(config, await readFile(fixture.config));
      await chmod(config, 0o000);
      const found = await diagnose(fixture.given(undefined, config), { node: AS_NOBODY });
      assertFound(
        found,
        brokenConfig(/krb5\.conf cannot be read by \w+ \(uid \d+\)/, /chmod a\+r/),
      );
    });

    it('is broken if it cannot be parsed, and doctor names the line', async () => {
      const config = await fixture.configFrom(
        '[libdefaults]\n  default_realm = X\n\n  dns_lookup_kdc\n[realms]\n',
      );
      const expected = brokenConfig(/syntax error.*at line 4 /i, /sed -n 4p/);
      assertFound(await diagnose(fixture.given(undefined, config)), expected);
    });

    it('is a warning if one of several files does not exist', async () => {
      const env = { KRB5_CONFIG: `/nonexistent/krb5.conf:${fixture.config}` };
      const { code, links } = await diagnose(['-k', fixture.realm.keytab(SERVICE)], { env });
      equal(code, 0);
      deepEqual(
        links.filter(({ name }) => name === 'krb5.conf').map(({ status }) => status),
        ['warning', 'ok'],
      );
    });
  });

  describe('the realm', () => {
    it('is broken if krb5.conf names none', async () => {
      const config = await fixture.configFrom('[libdefaults]\n  dns_lookup_realm = false\n');
      assertFound(await diagnose(fixture.given(undefined, config)), {
        link: 'realm',
        detail: /no realm for HTTP\/localhost/,
        remedy: /default_realm = /,
        notTried: AFTER_REALM,
      });
    });

    it('is broken if the keytab’s key belongs to another realm', async () => {
      const config = await fixture.configFrom('[libdefaults]\n  default_realm = WRONG.REALM\n');
      assertFound(await diagnose(fixture.given(undefined, config)), {
        link: 'realm',
        detail: /wrong realm: default_realm .* WRONG\.REALM, but .* HTTP\/localhost@EXAMPLE\.COM/,
        remedy: /\[domain_realm\]\n +localhost = EXAMPLE\.COM/,
        notTried: AFTER_REALM,
      });
    });

    it('is broken if the host is a URL', async () => {
      const { code, links } = await diagnose([...fixture.given(), '-H', 'https://localhost/']);
      equal(code, 1);
      const found = links.find(({ status }) => status === 'broken');
      equal(found?.name, 'realm');
      match(found?.detail ?? '', /is not a service name/);
      match(found?.remedy.join('\n') ?? '', /^kpass doctor -H www\.example\.com -k /m);
    });

    it('is broken if [domain_realm] names another', async () => {
      const more = '[domain_realm]\n  localhost = WRONG.REALM\n';
      assertFound(
        await diagnose(fixture.given(undefined, await fixture.realm.writeConfig({ more }))),
        {
          link: 'realm',
          detail: /wrong realm: \[domain_realm\] .* WRONG\.REALM/,
          notTried: AFTER_REALM,
        },
      );
    });
  });
});
