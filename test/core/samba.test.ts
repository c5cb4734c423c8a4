// kpass in an Active Directory domain that Samba serves, and the fixture SambaDomain itself.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { nothingIsLeft, processesOf, refuses, withTemporaryFolder } from '../support/ends';
import { kinit } from '../support/kinit';
import { SambaDomain, type SambaState } from '../support/samba';
import { failureOf, verifierFor } from '../support/subject';

/** ms for a first start on a busy machine. A first start provisions the domain. */
const PATIENCE = 120_000;

describe('in an Active Directory domain', () => {
  let domain: SambaDomain;
  before(async function () {
    this.timeout(PATIENCE);
    domain = await SambaDomain.start({
      users: {
        alice: 'wonderland',
        bob: 'builder',
        disabled: { password: 'right', state: 'disabled' },
        'must-change': { password: 'right', state: 'must-change' },
        expired: { password: 'right', state: 'expired' },
        locked: { password: 'right', state: 'locked' },
      },
    });
  });
  after(() => domain?.stop());

  for (const canonicalize of [true, false]) {
    describe(canonicalize ? 'with canonicalization' : 'without canonicalization', () => {
      it('verifies the right password', async () => {
        assert.deepEqual(
          await verifierFor(domain, { canonicalize }).verify('alice', 'wonderland'),
          { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' },
        );
      });

      it('counts a wrong password once', async () => {
        await domain.unlock('bob');
        const verifier = verifierFor(domain, { canonicalize });
        assert.deepEqual(await verifier.verify('bob', 'wrong'), {
          verified: false,
          reason: 'credentials',
        });
        assert.equal(await domain.failedCount('bob'), 1);
      });

      const denials: [user: string, password: string, reason: string][] = [
        ['nobody', 'wonderland', 'credentials'],
        ['disabled', 'right', 'disabled'],
        ['must-change', 'right', 'expired'],
        ['expired', 'right', 'disabled'],
        ['locked', 'right', 'disabled'],
      ];
      for (const [user, password, reason] of denials) {
        it(`denies ${user} with the password '${password}': ${reason}`, async () => {
          assert.deepEqual(await verifierFor(domain, { canonicalize }).verify(user, password), {
            verified: false,
            reason,
          });
        });
      }

      // Samba 4.17 looks at the password first; Samba 4.19, at the account.
      for (const [user, state] of [
        ['disabled', 'disabled'],
        ['must-change', 'expired'],
        ['expired', 'disabled'],
      ] as const) {
        it(`denies ${user} with a wrong password: credentials or ${state}`, async () => {
          const verdict = await verifierFor(domain, { canonicalize }).verify(user, 'wrong');
          assert(!verdict.verified);
          assert(['credentials', state].includes(verdict.reason), verdict.reason);
        });
      }
    });
  }
});

describe('SambaDomain', () => {
  let domain: SambaDomain;
  before(async function () {
    this.timeout(PATIENCE);
    domain = await SambaDomain.start({ lockout: 3, upnSuffixes: ['corp.example'] });
  });
  after(() => domain?.stop());

  it('locks a user after the wrong passwords of the policy, until unlocked', async () => {
    await domain.addUser('alice', 'wonderland');
    const verifier = verifierFor(domain);
    for (let count = 1; count <= 3; count++) {
      await verifier.verify('alice', 'wrong');
      assert.equal(await domain.failedCount('alice'), count);
    }
    assert.deepEqual(await verifier.verify('alice', 'wonderland'), {
      verified: false,
      reason: 'disabled',
    });
    await domain.unlock('alice');
    assert.equal(await domain.failedCount('alice'), 0);
    assert.equal((await verifier.verify('alice', 'wonderland')).verified, true);
  });

  it('knows a user by the sAMAccountName and, as an enterprise name, by the UPN', async () => {
    await domain.addUser('bob', 'builder', { upn: 'bob.b@corp.example' });
    const login = (...words: string[]) =>
      kinit(domain.config, words.at(-1) ?? '', 'builder', ...words.slice(0, -1));
    assert.equal((await login('bob')).code, 0);
    assert.equal((await login('-E', 'bob.b@corp.example')).code, 0);
    await domain.setUpn('bob', 'robert@corp.example');
    assert.deepEqual(await domain.attribute('bob', 'userPrincipalName'), ['robert@corp.example']);
    assert.equal((await login('-E', 'robert@corp.example')).code, 0);
    assert.match((await login('-E', 'bob.b@corp.example')).stderr, /not found in Kerberos/);
    await domain.rename('bob', 'bobby');
    assert.equal((await login('bobby')).code, 0);
    assert.match((await login('bob')).stderr, /not found in Kerberos/);
  });

  it('gives the keys of a service to its SPN and to its account; only the account may log in', async () => {
    const service = 'HTTP/other';
    await domain.addService(service);
    const account = domain.account(service);
    const keytab = await domain.writeKeytab(account);
    const login = (file: string, name: string) => kinit(domain.config, name, '', '-k', '-t', file);
    assert.equal((await login(keytab, account)).code, 0);
    assert.match((await login(domain.keytab(service), service)).stderr, /not found in Kerberos/);
    await domain.addUser('carol', 'right');
    const verifier = verifierFor(domain, { host: 'other', keytab: domain.keytab(service) });
    assert.equal((await verifier.verify('carol', 'right')).verified, true);
    assert.throws(() => domain.keytab('HTTP/elsewhere'), /has no service HTTP\/elsewhere/);
  });

  it('changes passwords and states, and changes them back', async () => {
    await domain.addUser('dan', 'old');
    await domain.changePassword('dan', 'new');
    const verifier = verifierFor(domain);
    assert.equal((await verifier.verify('dan', 'old')).verified, false);
    const states: [SambaState, string][] = [
      ['active', 'verified'],
      ['must-change', 'expired'],
      ['expired', 'disabled'],
      ['disabled', 'disabled'],
      ['locked', 'disabled'],
      ['active', 'verified'],
    ];
    for (const [state, expected] of states) {
      await domain.setState('dan', state);
      const verdict = await verifier.verify('dan', 'new');
      assert.equal(verdict.verified ? 'verified' : verdict.reason, expected, state);
    }
  });

  it('stops its KDC and starts it again on the same port', async () => {
    await domain.addUser('eve', 'right');
    const { port } = domain;
    await domain.stopKdc();
    await refuses(port);
    const failure = await failureOf(verifierFor(domain).verify('eve', 'right'));
    assert.equal(failure.code, 'ERR_KPASS_KDC');
    await domain.startKdc();
    assert.equal(domain.port, port);
    assert.equal((await verifierFor(domain).verify('eve', 'right')).verified, true);
    assert.match(domain.log, /Auth: .*eve@EXAMPLE\.COM.* \[NT_STATUS_OK\]/);
  });

  it("rejects with Samba's own message, and goes on", async () => {
    await domain.addUser('fay', 'right');
    await assert.rejects(domain.addUser('fay', 'right'), /already (exists|in use)/);
    await assert.rejects(domain.setUpn('nobody', 'x@y'), /no account nobody/);
    assert.equal((await kinit(domain.config, 'fay', 'right')).code, 0);
  });

  it('leaves nothing behind when it cannot start', async () => {
    await withTemporaryFolder(async (folder) => {
      const script = `SambaDomain.start({ users: { 'a,b': 'x' } }).catch(() => console.log('no'))`;
      const child = startScript(folder, script);
      const [output] = await once(child.stdout, 'data');
      assert.equal(`${output}`, 'no\n');
      await nothingIsLeft(folder);
    });
  });

  it('is gone when its owner is killed', async () => {
    await withTemporaryFolder(async (folder) => {
      const script = `SambaDomain.start().then(({ port }) => {
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
  const fixture = join(__dirname, '../support/samba.ts');
  const code = `const { SambaDomain } = require(${JSON.stringify(fixture)}); ${script}`;
  return spawn(process.execPath, ['--import', 'tsx', '-e', code], {
    cwd: join(__dirname, '../..'),
    // tsx would leave its cache in the folder.
    env: { ...process.env, TMPDIR: folder, TSX_DISABLE_CACHE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
