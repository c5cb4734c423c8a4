// Makes the recordings that native/fuzz/replies.cc plays. Each is one verification with a real KDC.
// scripts/fuzz --record runs this file. A recording never expires, because it holds the time as well.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';

const FOLDER = join(__dirname, 'recordings');
const REPLIES = join(__dirname, '../../build-fuzz/build/replies');
const PASSWORD = 'wonderland';
const USERS = { alice: PASSWORD, nopreauth: { password: PASSWORD, preauth: false } };

main();

async function main(): Promise<void> {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  const users = {
    ...USERS,
    mustchange: { password: PASSWORD, state: 'must-change' },
    expired: { password: PASSWORD, state: 'expired' },
    disabled: { password: PASSWORD, state: 'disabled' },
    sha2: { password: PASSWORD, enctypes: ['aes256-cts-hmac-sha384-192'] },
  } as const;
  await using realm = await Realm.start({ users });
  await using impostor = await realm.impostor({ users: USERS });

  const keytab = realm.keytab('HTTP/localhost');
  const record = (name: string, from: Realm, user: string, password: string, ...more: string[]) =>
    execFileSync(
      REPLIES,
      ['--record', join(FOLDER, name), from.config, keytab, user, password, ...more],
      { stdio: 'inherit' },
    );
  record('direct', realm, 'alice', PASSWORD);
  record('tgt', realm, 'alice', PASSWORD, 'canonicalize');
  record('nopreauth', realm, 'nopreauth', PASSWORD);
  record('nopreauth-tgt', realm, 'nopreauth', PASSWORD, 'canonicalize');
  record('sha2', realm, 'sha2', PASSWORD);
  record('wrong', realm, 'alice', 'looking-glass');
  record('nopreauth-wrong', realm, 'nopreauth', 'looking-glass');
  record('unknown', realm, 'mallory', PASSWORD);
  record('mustchange', realm, 'mustchange', PASSWORD);
  record('expired', realm, 'expired', PASSWORD);
  record('disabled', realm, 'disabled', PASSWORD);
  record('impostor', impostor, 'alice', PASSWORD);
  record('impostor-tgt', impostor, 'alice', PASSWORD, 'canonicalize');
  record('impostor-nopreauth', impostor, 'nopreauth', PASSWORD);
}
