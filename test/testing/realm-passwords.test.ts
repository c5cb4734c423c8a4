// A Realm whose users can change their passwords: it runs MIT's kadmind.

import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { nothingIsLeft, processesOf, refuses, withTemporaryFolder } from '../support/ends';
import { failureOf, verifierFor } from '../support/subject';

describe('a Realm with passwords', () => {
  it('lets its users change them, and ends kadmind with the realm', async () => {
    const users = {
      alice: 'wonderland',
      bob: { password: 'builder', state: 'must-change' },
    } as const;
    const realm = await Realm.start({ passwords: true, users });
    const { passwordPort } = realm;
    ok(passwordPort > 1_024);
    for (const [user, old] of [
      ['alice', 'wonderland'],
      ['bob', 'builder'],
    ] as const) {
      const change = await verifierFor(realm).changePassword(user, old, 'looking glass');
      deepEqual(change, { changed: true, principal: `${user}@EXAMPLE.COM`, realm: 'EXAMPLE.COM' });
    }
    await realm.stop();
    await refuses(passwordPort);
  });

  it('has no kadmind unless it is asked for', async () => {
    await using realm = await Realm.start({ users: { alice: 'old' } });
    equal(realm.passwordPort, 0);
    const error = await failureOf(verifierFor(realm).changePassword('alice', 'old', 'new'));
    equal(error.code, 'ERR_KPASS_KDC');
  });

  it('goes on while the administrator changes it', async () => {
    await using realm = await Realm.start({ passwords: true, users: { alice: 'one' } });
    await realm.changePassword('alice', 'two');
    equal((await verifierFor(realm).changePassword('alice', 'two', 'three')).changed, true);
    await realm.setState('alice', 'must-change');
    equal((await verifierFor(realm).changePassword('alice', 'three', 'four')).changed, true);
    await realm.addUser('bob', 'one');
    equal((await verifierFor(realm).changePassword('bob', 'one', 'two')).changed, true);
  });

  it("has replicas that name the primary's kadmind, and impostors with one of their own", async () => {
    await using realm = await Realm.start({ passwords: true });
    await using replica = await realm.replicate();
    await using impostor = await realm.impostor({ users: {} });
    equal(replica.passwordPort, 0);
    ok(impostor.passwordPort > 0 && impostor.passwordPort !== realm.passwordPort);
    await realm.addUser('alice', 'one');
    const config = await replica.writeConfig({ kdcs: [`127.0.0.1:${realm.port}`] });
    equal(
      (await verifierFor(realm, { config }).changePassword('alice', 'one', 'two')).changed,
      true,
    );
  });

  it('may have a clock of its own', async () => {
    const users = { alice: 'one' };
    await using realm = await Realm.start({ passwords: true, users, clock: '+2m' });
    equal((await verifierFor(realm).changePassword('alice', 'one', 'two')).changed, true);
  });

  it('rejects if kadmind is missing, or if the option is no boolean', async () => {
    await withTemporaryFolder(async (folder) => {
      await rejects(Realm.start({ passwords: true, programs: folder }), /kadmin/);
    });
    const wrong = { passwords: 'yes' } as unknown as { passwords: boolean };
    await rejects(Realm.start(wrong), /the option 'passwords' is a boolean, not 'yes'/);
  });

  it('is gone, kadmind included, when its owner is killed', async () => {
    await withTemporaryFolder(async (folder) => {
      const script = `
        const { Realm } = require('kpass/testing');
        Realm.start({ passwords: true }).then(({ passwordPort }) => {
          console.log(passwordPort);
          setInterval(() => {}, 1000);
        });`;
      const child = spawn(process.execPath, ['-e', script], {
        cwd: join(__dirname, '../..'),
        env: { ...process.env, TMPDIR: folder },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [output] = await once(child.stdout, 'data');
      match(String(output), /^\d+\n$/);
      ok(processesOf(folder).length > 2);
      child.kill('SIGKILL');
      await nothingIsLeft(folder);
      await refuses(Number(output));
    });
  });
});
