// kpass doctor in a realm of kpass/testing, as `kpass realm` starts it too: no service manager runs its KDC,
// and no kadmind listens.

import { equal, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { type Diagnosis, diagnose } from '../../support/doctor-fixture';
import { SERVICE } from '../../support/subject';

describe('kpass doctor in a private realm', () => {
  let realm: Realm;
  let args: string[];
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    args = ['-k', realm.keytab(SERVICE), '-c', realm.config];
  });
  after(() => realm?.stop());

  const remedyOf = ({ links }: Diagnosis, name: string) =>
    links.find((link) => link.name === name && link.status === 'broken')?.remedy ?? [];

  it('prints commands that make a new keytab there', async () => {
    await realm.rotateKey(SERVICE);
    const lines = remedyOf(await diagnose(args), 'key').filter((line) => line.startsWith('KRB5_'));
    equal(lines.length, 2);
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
    await promisify(execFile)('/bin/sh', ['-c', lines.join('\n')], { env });
    equal((await diagnose(args)).code, 0);
  });

  it('sets a new password by kadmin.local, not by kpasswd', async () => {
    await realm.addUser('old', 'wonderland', { state: 'password-expired' });
    const found = await diagnose([...args, '--password-stdin', 'old'], { input: 'wonderland' });
    match(remedyOf(found, 'user').join('\n'), /^KRB5_CONFIG=\S+ .* kadmin\.local -q 'cpw old'$/m);
  });

  it('starts a new realm where the KDC has ended', async () => {
    await realm.stopKdc();
    const lines = remedyOf(await diagnose(args), 'KDCs');
    await realm.startKdc();
    match(lines.join('\n'), /^kpass realm$/m);
  });

  it('starts a new realm where its folder is gone', async () => {
    const ended = await Realm.start();
    await ended.stop();
    const found = await diagnose(['-k', realm.keytab(SERVICE)], {
      env: { KRB5_CONFIG: ended.config },
    });
    match(remedyOf(found, 'krb5.conf').join('\n'), /^kpass realm$/m);
    const keytab = ended.config.replace('krb5.conf', 'HTTP_localhost.keytab');
    const withoutKeytab = await diagnose(['-k', keytab, '-c', realm.config]);
    match(remedyOf(withoutKeytab, 'keytab').join('\n'), /^kpass realm$/m);
  });
});
