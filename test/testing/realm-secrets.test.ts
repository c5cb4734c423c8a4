// Every local user can read the arguments of every process. So a realm's passwords are in none.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { withTemporaryFolder } from '../support/ends';
import { kpassIn } from '../support/subject';

const PATH = `/usr/sbin:/usr/local/sbin:/sbin:${process.env.PATH}`;

/** Programs for a realm that note their arguments in `log`. */
async function notingPrograms(folder: string, log: string): Promise<void> {
  for (const name of ['krb5kdc', 'kdb5_util', 'kadmin.local']) {
    const real = execFileSync('/bin/sh', ['-c', `command -v ${name}`], {
      env: { PATH },
      encoding: 'utf8',
    }).trim();
    const script = `#!/bin/sh\nprintf '%s\\n' "${name}" "$@" >>'${log}'\nexec ${real} "$@"\n`;
    await writeFile(join(folder, name), script, { mode: 0o755 });
  }
}

describe('the passwords of a realm', () => {
  it('are in no arguments of a process', async () => {
    await withTemporaryFolder(async (programs) => {
      const log = join(programs, 'log');
      await notingPrograms(programs, log);
      await using realm = await Realm.start({ users: { alice: 'sEcReT one' }, programs });
      await realm.addUser('bob', 'sEcReT two', { state: 'locked' });
      await realm.changePassword('alice', 'sEcReT three');
      await using other = await Realm.start({ name: 'OTHER.EXAMPLE', programs });
      await realm.trust(other);
      await using impostor = await realm.impostor({ users: { alice: 'sEcReT four' } });
      assert.equal(impostor.name, realm.name);
      const words = readFileSync(log, 'utf8');
      assert.match(words, /^kadmin\.local$/m);
      assert.match(words, /^krbtgt\/OTHER\.EXAMPLE@EXAMPLE\.COM$/m);
      assert.doesNotMatch(words, /sEcReT|^-pw$/m);
      // The keys between the realms are made from a UUID.
      assert.doesNotMatch(words, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-/m);
      assert.equal(await kpassIn(realm, 'alice', 'sEcReT three'), true);
    });
  });

  it('may have any character but a line feed and NUL, and 1,022 bytes', async () => {
    const passwords = [
      ' ',
      '-pw',
      '"',
      "'; exit",
      '\\n',
      '\t\r\x01\x03\x04\x15\x1a\x7f',
      'pässwörd ☃ 密码 🔑',
      'x'.repeat(1022),
      'ä'.repeat(511),
    ];
    const users = Object.fromEntries(passwords.map((password, i) => [`user${i}`, password]));
    await using realm = await Realm.start({ users });
    for (const [name, password] of Object.entries(users)) {
      assert.equal(await kpassIn(realm, name, password), true, JSON.stringify(password));
    }
    for (const password of ['a\nb', 'a\0b', 'x'.repeat(1023), 'ä'.repeat(512)]) {
      await assert.rejects(realm.addUser('carol', password), TypeError);
      await assert.rejects(realm.changePassword('user0', password), TypeError);
    }
    await assert.rejects(realm.addUser('carol', ''), /Empty passwords are not allowed/);
  });
});
