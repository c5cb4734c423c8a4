// kpass doctor where krb5.conf or the keytab is broken: it names the link and the cause, and its remedy is the right one.
// Where commands can mend it, they are run as printed, and doctor finds nothing broken any more.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokenSetUps, type Case, testCases } from '../../support/broken-cases';
import { SERVICE } from '../../support/subject';

describe('kpass doctor names the cause, and what mends it:', () => {
  const set = new BrokenSetUps();

  const cases: Record<string, Case> = {
    'a byte order mark before the first section': {
      make: () => set.config((text) => `\ufeff${text.trimStart()}`),
      link: 'krb5.conf',
      detail: /^libkrb5 skips lines 1 to \d+ of \S+: the file begins with a byte order mark$/,
      mends: true,
    },
    'a blank before the first section': {
      make: () => set.config((text) => ` ${text.trimStart()}`),
      link: 'krb5.conf',
      detail: /^libkrb5 skips lines 1 to \d+ of \S+: a blank is before the first \[section\]$/,
      mends: true,
    },
    'a page of the web in place of krb5.conf': {
      make: async () => ({
        args: set.given(await set.file('<!doctype html>\n<p>Not found</p>\n')),
      }),
      link: 'krb5.conf',
      detail: /^libkrb5 skips lines 1 to 2 of \S+: this is a page of the web or XML/,
      remedy: /^head -n 5 /,
    },
    'relations before the first section': {
      make: async () => ({
        args: set.given(await set.file('default_realm = EXAMPLE.COM\n[realms]\n  X = {\n  }\n')),
      }),
      link: 'krb5.conf',
      detail: /^libkrb5 skips line 1 of \S+: .*before the first \[section\]$/,
      remedy: /\[libdefaults\]$/,
    },
    'a broken file in a folder that krb5.conf includes': {
      make: async () => {
        const folder = join(set.realm.folder, 'broken.d');
        await mkdir(folder);
        await writeFile(join(folder, 'good.conf'), '[libdefaults]\n  rdns = false\n');
        await writeFile(join(folder, 'bad.conf'), '[libdefaults]\n  rdns = false\n  oops\n');
        return await set.config((text) => `\nincludedir ${folder}\n${text}`);
      },
      link: 'krb5.conf',
      detail: /yntax error .*\/broken\.d\/bad\.conf, at line 3; line 2 of \S+ includes it \(from/,
      remedy: /^sed -n 3p \S+\/broken\.d\/bad\.conf$/m,
    },
    'a file that krb5.conf includes, and that is not there': {
      make: () => set.config((text) => `include /nonexistent/more.conf\n${text}`),
      link: 'krb5.conf',
      detail: /\/nonexistent\/more\.conf: No such file.*; line 1 of \S+ includes it/,
    },
    'a syntax error, if no temporary file can be written': {
      make: async () => ({
        args: set.given(await set.file('[libdefaults]\n  oops\n')),
        options: { env: { TMPDIR: '/nonexistent' } },
      }),
      link: 'krb5.conf',
      detail: /yntax error/,
      not: /mkdtemp|ENOENT/,
    },
    'an empty KRB5_CONFIG': {
      make: async () => ({
        args: ['-k', set.realm.keytab(SERVICE)],
        options: { env: { KRB5_CONFIG: '' } },
      }),
      link: 'krb5.conf',
      detail: /^an empty path \(from KRB5_CONFIG\)$/,
      remedy: /^unset KRB5_CONFIG$/,
    },
    'Heimdal’s way to say TCP': {
      make: () => set.kdc(`tcp/127.0.0.1:${set.realm.port}`),
      link: 'KDCs',
      detail: /^tcp\/127\.0\.0\.1:\d+: MIT's libkrb5 knows no 'tcp\/' before a name/,
      remedy: /kdc = 127\.0\.0\.1:\d+\n.*\n.*\n +udp_preference_limit = 1$/,
      not: /getent/,
    },
    'a port that is none': {
      make: () => set.kdc('127.0.0.1:kerberos'),
      link: 'KDC names',
      detail: /^libkrb5 refuses kdc = 127\.0\.0\.1:kerberos in realm EXAMPLE\.COM/,
      remedy: /kdc = kdc\.example\.com:88/,
    },
    'an address of IPv6 without brackets': {
      make: () => set.kdc('2001:db8::1'),
      link: 'KDC names',
      detail: /^libkrb5 refuses kdc = 2001:db8::1 in realm/,
      remedy: /kdc = \[2001:db8::1\]:88/,
    },
    'no keytab, at MIT’s KDC': {
      make: () => set.keytab(null),
      link: 'keytab',
      detail: /does not exist$/,
      remedy: /^kadmin -q 'ktadd -k /m,
      mends: true,
    },
    'no keytab, at Heimdal’s KDC': {
      make: async () => set.atHeimdal('HTTP', join(set.heimdal.folder, 'missing.keytab')),
      link: 'keytab',
      detail: /does not exist$/,
      remedy: /^kadmin ext_keytab --keytab=\S+ HTTP\/localhost$/m,
      not: /ktadd/,
      mends: true,
    },
    'no keytab, at Samba’s KDC': {
      make: async () => set.atSamba('HTTP', join(set.samba.folder, 'missing.keytab')),
      link: 'keytab',
      detail: /does not exist$/,
      remedy: /^samba-tool domain exportkeytab \S+ --principal=HTTP\/localhost$/m,
      not: /kadmin/,
      mends: true,
    },
    'capitals in the host of the keytab’s key': {
      make: async () => {
        await set.realm.addService('caps/LocalHost');
        return set.mit('caps', set.realm.keytab('caps/LocalHost'));
      },
      link: 'keytab',
      detail: /has a key of caps\/LocalHost@EXAMPLE\.COM, but kpass asks for caps\/localhost@EX/,
      not: /kpass doctor/,
      mends: true,
    },
    'capitals in the host of the keytab’s key, at Samba’s KDC': {
      make: async () => set.atSamba('HTTP', await set.samba.writeKeytab('HTTP/LOCALHOST')),
      link: 'keytab',
      detail: /has a key of HTTP\/LOCALHOST@EXAMPLE\.COM, but kpass asks for HTTP\/localhost@EX/,
      not: /kpass doctor|kadmin/,
      mends: true,
    },
    'the base64 of a keytab': {
      make: () => set.keytab((bytes) => bytes.toString('base64')),
      link: 'keytab',
      detail: /is not a keytab, but the base64 of one/,
      mends: true,
    },
    'a keytab that was copied as text': {
      make: () => set.keytab((bytes) => bytes.toString('utf8')),
      link: 'keytab',
      detail: /was copied as text, which has damaged it/,
      mends: true,
    },
    'a keytab that ends within its only entry': {
      make: () => set.keytab((bytes) => bytes.subarray(0, 40)),
      link: 'keytab',
      detail: /is a damaged keytab: an entry ends after the file/,
      mends: true,
    },
    'an empty keytab': {
      make: () => set.keytab(() => ''),
      link: 'keytab',
      detail: /is not a keytab: it is empty/,
      mends: true,
    },
  };

  testCases(cases);
});
