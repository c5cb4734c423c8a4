// kpass doctor, if the keytab, the service's key or its host's name is broken.

import { doesNotMatch, equal } from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { AS_NOBODY } from '../../support/command';
import { assertFound, DoctorFixture, diagnose, type Expected } from '../../support/doctor-fixture';
import { keytabDirectory, keytabFrom } from '../../support/services';
import { SERVICE } from '../../support/subject';

describe('kpass doctor', () => {
  const fixture = new DoctorFixture();

  describe('the keytab', () => {
    const noKeytab = (detail: RegExp, remedy = /kadmin -q 'ktadd -k /): Expected => ({
      link: 'keytab',
      detail,
      remedy,
      notTried: ['key'],
    });

    const keytabs: Record<string, [keytab: () => string | Promise<string>, Expected]> = {
      'it does not exist': [
        () => '/nonexistent/keytab',
        noKeytab(/^\/nonexistent\/keytab does not/),
      ],
      'it is a folder': [
        () => keytabDirectory(fixture.realm),
        noKeytab(/is not a file/, /--keytab \/path/),
      ],
      'it is empty': [() => keytabFrom(fixture.realm, ''), noKeytab(/is not a keytab: /)],
      'it is not a keytab': [
        () => keytabFrom(fixture.realm, '#!/bin/sh\n'),
        noKeytab(/is not a keytab: /),
      ],
      'it holds no key': [
        () => keytabFrom(fixture.realm, Uint8Array.of(5, 2)),
        noKeytab(/a keytab without a key/),
      ],
      'its type is unknown': [
        () => 'CLOUD:bucket',
        noKeytab(/^CLOUD:bucket: Unknown Key table type/, /--keytab \/path/),
      ],
      'it has only keys of other services': [
        async () => {
          await fixture.realm.addService('imap/mail.example');
          return fixture.realm.keytab('imap/mail.example');
        },
        noKeytab(
          /no key of HTTP\/localhost@EXAMPLE\.COM; it has keys of imap\/mail\.example@EXAMPLE\.COM/,
          /^kpass doctor -s imap -H mail\.example -k \S+imap_mail\.example\.keytab -c \S+$/m,
        ),
      ],
    };
    for (const [what, [keytab, expected]] of Object.entries(keytabs)) {
      it(`is broken if ${what}`, async () => {
        assertFound(await diagnose(fixture.given(await keytab())), expected);
      });
    }

    it('is broken if this user may not read it', async () => {
      const { config, keytab } = await copies();
      await chmod(keytab, 0o000);
      const found = await diagnose(fixture.given(keytab, config), { node: AS_NOBODY });
      assertFound(
        found,
        noKeytab(
          /cannot be read by \w+ \(uid \d+\): owner \w+, mode 0000/,
          /chown \w+ .*\nchmod 400 /,
        ),
      );
    });

    it('is broken if this user may not enter its folder', async () => {
      const { config } = await copies();
      const closed = join(await fixture.openFolder(), 'closed');
      const keytab = join(closed, 'keytab');
      await mkdir(closed);
      await writeFile(keytab, await readFile(fixture.realm.keytab(SERVICE)));
      await chmod(closed, 0o000);
      const found = await diagnose(fixture.given(keytab, config), { node: AS_NOBODY });
      assertFound(
        found,
        noKeytab(/cannot be reached by .*: no permission to enter .*\/closed$/, /ls -ld /),
      );
    });

    it('is a warning if others may read it', async () => {
      const keytab = await fixture.realm.writeKeytab(SERVICE);
      await chmod(keytab, 0o644);
      assertFound(await diagnose(fixture.given(keytab)), {
        link: 'keytab',
        status: 'warning',
        detail: /mode 0644; .*users other than its owner can read/,
        remedy: /chmod 400 /,
      });
    });

    /** Copies krb5.conf and the keytab to a folder that every user may enter. */
    async function copies(): Promise<{ config: string; keytab: string }> {
      const folder = await fixture.openFolder();
      const config = join(folder, 'krb5.conf');
      const keytab = join(folder, 'keytab');
      await writeFile(config, await readFile(fixture.config), { mode: 0o644 });
      await writeFile(keytab, await readFile(fixture.realm.keytab(SERVICE)));
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
      await fixture.realm.addService(`${service}/localhost`, { flags });
      return ['-s', service, ...fixture.given(fixture.realm.keytab(`${service}/localhost`))];
    };

    it('is broken if it is not the KDC’s key', async () => {
      const args = fixture.given(await fixture.realm.writeWrongKeytab(SERVICE));
      const expected = brokenKey(
        /^wrong key: the keytab's version 1 and the KDC's version 1 differ/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken if an impostor answers for the KDC', async () => {
      await using impostor = await fixture.realm.impostor({ users: { alice: 'hijacked' } });
      const args = fixture.given(undefined, await impostor.writeConfig());
      assertFound(await diagnose(args), brokenKey(/or an impostor answers for the KDC/));
    });

    it('is broken if the KDC has a newer version of it', async () => {
      const args = await flagged('old');
      await fixture.realm.rotateKey('old/localhost');
      const expected = brokenKey(
        /^old key version: .* is version 2, but the keytab has version 1$/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken if it has another version in the keytab', async () => {
      const bytes = await readFile(await fixture.realm.writeKeytab(SERVICE));
      const args = fixture.given(await keytabFrom(fixture.realm, renumbered(bytes, 7)));
      const expected = brokenKey(
        /^the key is the KDC's, but with version 1 there, and version 7 in the/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken if the keytab lacks the type that the KDC uses', async () => {
      const keytab = join(fixture.realm.folder, 'one-type.keytab');
      await fixture.realm.kadmin('ktadd', '-norandkey', '-k', keytab, SERVICE);
      const bytes = await readFile(keytab);
      const first = 2 + 4 + bytes.readInt32BE(2);
      const second = Buffer.concat([bytes.subarray(0, 2), bytes.subarray(first)]);
      const args = fixture.given(await keytabFrom(fixture.realm, second));
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
      it(`is broken if ${what}, and doctor does not advise a new keytab`, async () => {
        const config = await fixture.realm.writeConfig({ more: `[libdefaults]\n  ${setting}\n` });
        const { links, ...rest } = await diagnose(fixture.given(undefined, config));
        const says = new RegExp(`^no encryption type in common: krb5\\.conf says ${setting}`);
        assertFound({ links, ...rest }, brokenKey(says, new RegExp(`^${setting}$`, 'm')));
        doesNotMatch(JSON.stringify(links), /ktadd/);
      });
    }

    it('is broken if it is old or wrong, and the KDC requires pre-authentication', async () => {
      const args = await flagged('proof', '+requires_preauth');
      equal((await diagnose(args)).code, 0);
      await fixture.realm.rotateKey('proof/localhost');
      const expected = brokenKey(
        /\(version 1\) is not the KDC's key: it is an old version or another key/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken if the KDC does not know the service', async () => {
      const args = await flagged('gone');
      await fixture.realm.kadmin('delprinc', 'gone/localhost');
      const expected = brokenKey(
        /knows no account gone\/localhost@EXAMPLE\.COM that may log in$/,
        /addprinc/,
      );
      assertFound(await diagnose(args), expected);
    });

    it('is broken if the KDC serves another realm', async () => {
      await using other = await Realm.start({ name: 'OTHER.ORG' });
      const config = await other.writeConfig({ kdcs: [`127.0.0.1:${fixture.realm.port}`] });
      const expected = brokenKey(
        /and no krbtgt\/OTHER\.ORG: is it a KDC of OTHER\.ORG\?$/,
        /\[realms\]/,
      );
      assertFound(await diagnose(fixture.given(other.keytab(SERVICE), config)), expected);
    });

    it('is broken if the KDC gives the service’s tickets to nobody', async () => {
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
      it(`is broken if the service is ${service}`, async () => {
        const expected = brokenKey(/locked or expired/, /modprinc .*\+allow_tix/);
        assertFound(await diagnose(await flagged(service, ...flags)), expected);
      });
    }
  });

  describe('the host', () => {
    it('is a warning if its name has no address, which kpass does not need', async () => {
      await fixture.realm.addService('HTTP/www.invalid');
      const args = [
        '-H',
        'www.invalid',
        ...fixture.given(fixture.realm.keytab('HTTP/www.invalid')),
      ];
      assertFound(await diagnose(args), {
        link: 'host',
        status: 'warning',
        detail: /^www\.invalid has no address/,
        remedy: /getent hosts www\.invalid/,
      });
    });
  });
});

/** Sets the version of each key in a keytab: the last four bytes of each entry. */
function renumbered(keytab: Buffer, version: number): Buffer {
  const bytes = Buffer.from(keytab);
  for (let start = 2; start < bytes.length; ) {
    const end = start + 4 + bytes.readInt32BE(start);
    bytes.writeUInt32BE(version, end - 4);
    start = end;
  }
  return bytes;
}
