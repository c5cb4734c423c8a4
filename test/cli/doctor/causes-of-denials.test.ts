// kpass doctor where the key or a user's login is broken: it names the link and the cause, and its remedy is the right one.
// Where commands can mend it, they are run as printed, and doctor finds nothing broken any more.

import { equal, match } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { BrokenSetUps, type Case, testCases, withUser } from '../../support/broken-cases';
import { runCommand } from '../../support/command';
import type { Link } from '../../support/doctor-fixture';
import { SERVICE } from '../../support/subject';

describe('kpass doctor names the cause of a denial, and what mends it:', () => {
  const set = new BrokenSetUps();

  const cases: Record<string, Case> = {
    'an old key, at MIT’s KDC': {
      make: async () => {
        await set.realm.addService('old/localhost');
        const keytab = await set.file(await readFile(set.realm.keytab('old/localhost')));
        await set.realm.rotateKey('old/localhost');
        return set.mit('old', keytab);
      },
      link: 'key',
      detail: /^old key version: .* is version 2, but the keytab has version 1$/,
      mends: true,
    },
    'an old key, at Heimdal’s KDC': {
      make: async () => {
        await set.heimdal.addService('old/localhost');
        await set.heimdal.kadmin('cpw', '--random-key', 'old/localhost');
        return set.atHeimdal('old', set.heimdal.keytab('old/localhost'));
      },
      link: 'key',
      detail: /is not the KDC's key: it is an old version or another key|old key version/,
      remedy: /^kadmin ext_keytab /m,
      not: /ktadd/,
      mends: true,
    },
    'an old key, at Samba’s KDC, with a user': {
      make: async () => {
        await set.samba.addService('older/localhost');
        await set.samba.changePassword(set.samba.account('older/localhost'), 'another password');
        return withUser('alice', set.atSamba('older', set.samba.keytab('older/localhost')));
      },
      link: 'ticket',
      detail: /key of older\/localhost@EXAMPLE\.COM/,
      remedy: /^samba-tool domain exportkeytab /m,
      not: /kadmin/,
      mends: true,
    },
    'a service that nobody has, at Samba’s KDC, with a user': {
      make: async () => {
        const keytab = renamed(await readFile(set.samba.keytab(SERVICE)), 'HTTP', 'IMAP');
        return withUser('alice', set.atSamba('IMAP', await set.file(keytab)));
      },
      link: 'user',
      detail: /IMAP\/localhost@EXAMPLE\.COM.*ERR_KPASS_CONFIG/,
      remedy: /^samba-tool spn add IMAP\/localhost svc-www$/m,
      not: /kadmin/,
    },
    'a service that nobody has, at Heimdal’s KDC': {
      make: async () => {
        await set.heimdal.addService('gone/localhost');
        await set.heimdal.kadmin('delete', 'gone/localhost');
        return set.atHeimdal('gone', set.heimdal.keytab('gone/localhost'));
      },
      link: 'key',
      detail: /knows no account gone\/localhost@EXAMPLE\.COM/,
      remedy: /^kadmin add --random-key /m,
      not: /addprinc|samba/i,
    },
    'a UPN': {
      make: async () => withUser('upn@corp.example', set.atSamba()),
      link: 'user',
      detail: /^upn@corp\.example: corp\.example is neither a realm .* nor one of `upnSuffixes`/,
      remedy: /^kpass doctor .* --canonicalize --upn-suffix corp\.example upn@corp\.example$/m,
      not: / -r |kinit|password right/,
    },
    'a name with a domain of Windows': {
      make: async () => withUser('EXAMPLE\\alice', set.atSamba()),
      link: 'user',
      detail: /^EXAMPLE\\alice: the option `domains` has no realm for EXAMPLE$/,
      remedy: /^kpass doctor .* --domain EXAMPLE=EXAMPLE\.COM 'EXAMPLE\\alice'$/m,
      not: / -r |kinit|password right/,
    },
    'a realm whose users may not log in': {
      make: async () => withUser('bob@OTHER.ORG', { args: set.given() }),
      link: 'user',
      detail: /users of OTHER\.ORG may not log in here/,
      remedy: / -r EXAMPLE\.COM -r OTHER\.ORG /,
    },
    'a user who is disabled, at Samba’s KDC': {
      make: async () => {
        await set.samba.addUser('carol', 'wonderland', { state: 'disabled' });
        return withUser('carol', set.atSamba());
      },
      link: 'user',
      detail: /^carol: .*locked, revoked or expired/,
      remedy: /^samba-tool user enable carol$/m,
      not: /kadmin/,
      mends: true,
    },
    'a user who is disabled, at Heimdal’s KDC': {
      make: async () => {
        await set.heimdal.addUser('carol', 'wonderland', { state: 'disabled' });
        return withUser('carol', set.atHeimdal());
      },
      link: 'user',
      detail: /^carol: the KDC refuses this login/,
      remedy: /^kadmin modify --attributes=/m,
      mends: true,
    },
    'a user who is disabled, at MIT’s KDC': {
      make: async () => {
        await set.realm.addUser('carol', 'wonderland', { state: 'locked' });
        return withUser('carol', set.mit());
      },
      link: 'user',
      detail: /^carol: .*locked, revoked or expired/,
      remedy: /^kadmin -q 'modprinc -unlock carol'$/m,
      mends: true,
    },
    'a wrong password': {
      make: async () => withUser('bob', { args: set.given() }, 'wonderland'),
      link: 'user',
      detail: /^bob: wrong user name or password/,
      remedy: /^KRB5_CONFIG=\S+ kinit bob$/m,
    },
  };

  testCases(cases);

  it('an old key of the account in the keytab, at Samba’s KDC: a warning, the account may be another', async () => {
    await set.samba.addService('aged/localhost');
    const account = set.samba.account('aged/localhost');
    const keytab = await set.samba.writeKeytab('aged/localhost', account);
    await set.samba.changePassword(account, 'another password');
    const args = ['-s', 'aged', '-H', 'localhost', ...set.given(set.samba.config, keytab)];
    const { code, stdout } = await runCommand(['doctor', '--json', ...args]);
    equal(code, 0, stdout);
    const key = (JSON.parse(stdout).links as Link[]).find(({ name }) => name === 'key');
    equal(key?.status, 'warning');
    match(key?.detail ?? '', new RegExp(`key of ${account}@EXAMPLE\\.COM is not the KDC's key`));
    match(key?.remedy.join('\n') ?? '', /^samba-tool domain exportkeytab [\s\S]* USER$/m);
  });
});

/** A keytab whose principal has another word, as long as the old one. */
function renamed(keytab: Buffer, word: string, other: string): Buffer {
  return Buffer.from(keytab.toString('latin1').replaceAll(word, other), 'latin1');
}
