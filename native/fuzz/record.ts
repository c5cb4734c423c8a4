// Makes the recordings that native/fuzz/replies.cc plays: one verification each with a real KDC.
// Run by scripts/fuzz --record. They stay valid for ever: the clock is recorded, too.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';

const FOLDER = join(__dirname, 'recordings');
const REPLIES = join(__dirname, '../../build-fuzz/build/replies');
const LONG_AGO = '1/1/2001';

main();

async function main(): Promise<void> {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  await using realm = await Realm.start({ users: { alice: 'wonderland' } });
  await realm.addUser('nopreauth', 'wonderland', '-requires_preauth');
  await realm.addUser('mustchange', 'wonderland', '+needchange');
  await realm.addUser('expired', 'wonderland', '-expire', LONG_AGO);
  await realm.addUser('disabled', 'wonderland', '-allow_tix');
  await realm.addUser('sha2', 'wonderland', '-e', 'aes256-cts-hmac-sha384-192:normal');
  await using impostor = await Realm.start({ users: { alice: 'wonderland' } });
  await impostor.addUser('nopreauth', 'wonderland', '-requires_preauth');

  const keytab = realm.keytab('HTTP/localhost');
  const record = (name: string, from: Realm, user: string, password: string, ...more: string[]) =>
    execFileSync(
      REPLIES,
      ['--record', join(FOLDER, name), from.config, keytab, user, password, ...more],
      { stdio: 'inherit' },
    );
  record('direct', realm, 'alice', 'wonderland');
  record('tgt', realm, 'alice', 'wonderland', 'canonicalize');
  record('nopreauth', realm, 'nopreauth', 'wonderland');
  record('nopreauth-tgt', realm, 'nopreauth', 'wonderland', 'canonicalize');
  record('sha2', realm, 'sha2', 'wonderland');
  record('wrong', realm, 'alice', 'looking-glass');
  record('nopreauth-wrong', realm, 'nopreauth', 'looking-glass');
  record('unknown', realm, 'mallory', 'wonderland');
  record('mustchange', realm, 'mustchange', 'wonderland');
  record('expired', realm, 'expired', 'wonderland');
  record('disabled', realm, 'disabled', 'wonderland');
  record('impostor', impostor, 'alice', 'wonderland');
  record('impostor-tgt', impostor, 'alice', 'wonderland', 'canonicalize');
  record('impostor-nopreauth', impostor, 'nopreauth', 'wonderland');
}
