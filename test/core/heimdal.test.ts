// kpass in a realm that Heimdal's KDC serves, and the fixture HeimdalRealm itself.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { nothingIsLeft, processesOf, refuses, withTemporaryFolder } from '../support/ends';
import { HeimdalRealm, type HeimdalState } from '../support/heimdal';
import { kinit } from '../support/kinit';
import { failureOf, verifierFor } from '../support/subject';

describe("in a realm of Heimdal's", () => {
  let realm: HeimdalRealm;
  before(async () => {
    realm = await HeimdalRealm.start({
      users: {
        alice: { password: 'wonderland', aliases: ['alias@EXAMPLE.COM'] },
        'password-expired': { password: 'right', state: 'password-expired' },
        'must-change': { password: 'right', state: 'must-change' },
        expired: { password: 'right', state: 'expired' },
        disabled: { password: 'right', state: 'disabled' },
        rc4: { password: 'right', enctypes: ['arcfour-hmac-md5'] },
      },
    });
  });
  after(() => realm?.stop());

  for (const canonicalize of [false, true]) {
    describe(canonicalize ? 'with canonicalization' : 'without canonicalization', () => {
      it('verifies the right password', async () => {
        assert.deepEqual(await verifierFor(realm, { canonicalize }).verify('alice', 'wonderland'), {
          verified: true,
          principal: 'alice@EXAMPLE.COM',
          realm: 'EXAMPLE.COM',
        });
      });

      const denials: [user: string, password: string, reason: string][] = [
        ['alice', 'wrong', 'credentials'],
        ['alice', '', 'credentials'],
        ['nobody', 'wonderland', 'credentials'],
        ['ALICE', 'wonderland', 'credentials'],
        ['password-expired', 'right', 'expired'],
        ['must-change', 'right', 'expired'],
        ['expired', 'right', 'disabled'],
        // Heimdal answers KDC_ERR_POLICY for an account that may have no tickets.
        ['disabled', 'right', 'policy'],
        // Heimdal checks the password before it checks the account.
        ['password-expired', 'wrong', 'credentials'],
        ['must-change', 'wrong', 'credentials'],
        ['expired', 'wrong', 'credentials'],
        ['disabled', 'wrong', 'credentials'],
      ];
      for (const [user, password, reason] of denials) {
        it(`denies ${user} with the password '${password}': ${reason}`, async () => {
          assert.deepEqual(await verifierFor(realm, { canonicalize }).verify(user, password), {
            verified: false,
            reason,
          });
        });
      }
    });
  }

  it('verifies an alias as its account, but only with canonicalization', async () => {
    assert.deepEqual(
      await verifierFor(realm, { canonicalize: true }).verify('alias', 'wonderland'),
      { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' },
    );
    assert.deepEqual(await verifierFor(realm).verify('alias', 'wonderland'), {
      verified: false,
      reason: 'credentials',
    });
  });
});

describe('HeimdalRealm', () => {
  let realm: HeimdalRealm;
  before(async () => {
    realm = await HeimdalRealm.start({ name: 'HEIMDAL.EXAMPLE' });
  });
  after(() => realm?.stop());

  it('gives a user keys of the named encryption types only', async () => {
    await realm.addUser('rc4', 'right', { enctypes: ['arcfour-hmac-md5'] });
    assert.match(await realm.kadmin('get', 'rc4'), /Keytypes: arcfour-hmac-md5\(pw-salt\)\[1\]$/m);
  });

  it('adds services with their keytabs', async () => {
    await realm.addUser('bob', 'builder');
    await realm.addService('HTTP/other');
    const verifier = verifierFor(realm, { host: 'other', keytab: realm.keytab('HTTP/other') });
    assert.equal((await verifier.verify('bob', 'builder')).verified, true);
    assert.throws(() => realm.keytab('HTTP/elsewhere'), /has no service HTTP\/elsewhere/);
  });

  it('changes passwords and states, and changes them back', async () => {
    await realm.addUser('carol', 'old');
    await realm.changePassword('carol', 'new');
    const verifier = verifierFor(realm);
    assert.equal((await verifier.verify('carol', 'old')).verified, false);
    const states: [HeimdalState, string][] = [
      ['active', 'verified'],
      ['password-expired', 'expired'],
      ['must-change', 'expired'],
      ['expired', 'disabled'],
      ['disabled', 'policy'],
      ['active', 'verified'],
    ];
    for (const [state, expected] of states) {
      await realm.setState('carol', state);
      const verdict = await verifier.verify('carol', 'new');
      assert.equal(verdict.verified ? 'verified' : verdict.reason, expected, state);
    }
  });

  it('stops its KDC and starts it again on the same port', async () => {
    await realm.addUser('dan', 'right');
    const { port } = realm;
    await realm.stopKdc();
    await refuses(port);
    const failure = await failureOf(verifierFor(realm).verify('dan', 'right'));
    assert.equal(failure.code, 'ERR_KPASS_KDC');
    await realm.startKdc();
    assert.equal(realm.port, port);
    assert.equal((await kinit(realm.config, 'dan', 'right')).code, 0);
  });

  it("rejects with kadmin's own message, and goes on", async () => {
    await realm.addUser('eve', 'right');
    await assert.rejects(realm.addUser('eve', 'right'), /already exists/);
    await assert.rejects(realm.setState('nobody', 'disabled'), /does not exist/);
    assert.equal((await kinit(realm.config, 'eve', 'right')).code, 0);
  });

  it('leaves nothing behind when it cannot start', async () => {
    await withTemporaryFolder(async (folder) => {
      const script = `HeimdalRealm.start({ users: { 'a@b@c': 'x' } }).catch(() => console.log('no'))`;
      const child = startScript(folder, script);
      const [output] = await once(child.stdout, 'data');
      assert.equal(`${output}`, 'no\n');
      await nothingIsLeft(folder);
    });
  });

  it('is gone, workers included, when its owner is killed', async () => {
    await withTemporaryFolder(async (folder) => {
      const script = `HeimdalRealm.start().then(({ port }) => {
        console.log(port);
        setInterval(() => {}, 1000);
      })`;
      const child = startScript(folder, script);
      const [output] = await once(child.stdout, 'data');
      assert(processesOf(folder).length > 2);
      child.kill('SIGKILL');
      await nothingIsLeft(folder);
      await refuses(Number(output));
    });
  });
});

/** Node with the fixture, in a temporary folder of its own. */
function startScript(folder: string, script: string) {
  const fixture = join(__dirname, '../support/heimdal.ts');
  const code = `const { HeimdalRealm } = require(${JSON.stringify(fixture)}); ${script}`;
  return spawn(process.execPath, ['--import', 'tsx', '-e', code], {
    cwd: join(__dirname, '../..'),
    // tsx would leave its cache in the folder.
    env: { ...process.env, TMPDIR: folder, TSX_DISABLE_CACHE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
