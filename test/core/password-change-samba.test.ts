// changePassword() in an Active Directory domain that Samba serves.

import assert from 'node:assert/strict';
import { SambaDomain, type SambaUser } from '../support/samba';
import { verifierFor } from '../support/subject';

const OLD = 'The old passw0rd';
const NEW = 'The new pässw0rd ☃';

/** s */
const DAY = 86_400;

/** ms for a first start on a busy machine. A first start provisions the domain. */
const PATIENCE = 120_000;

describe('a change of a password in an Active Directory domain', () => {
  let domain: SambaDomain;
  let users = 0;
  before(async function () {
    this.timeout(PATIENCE);
    domain = await SambaDomain.start({ upnSuffixes: ['corp.example'] });
  });
  after(() => domain?.stop());
  afterEach(() => domain.setPasswordPolicy({}));

  /** A new user with the password OLD. */
  async function newUser(options: Omit<SambaUser, 'password'> = {}): Promise<string> {
    users += 1;
    await domain.addUser(`user${users}`, OLD, options);
    return `user${users}`;
  }

  async function isPassword(user: string, password: string): Promise<boolean> {
    return (await verifierFor(domain).verify(user, password)).verified;
  }

  for (const canonicalize of [false, true]) {
    describe(canonicalize ? 'with canonicalization' : 'without canonicalization', () => {
      for (const state of ['active', 'must-change'] as const) {
        it(`is made for a user whose state is ${state}`, async () => {
          const user = await newUser({ state });
          assert.deepEqual(
            await verifierFor(domain, { canonicalize }).changePassword(user, OLD, NEW),
            { changed: true, principal: `${user}@EXAMPLE.COM`, realm: 'EXAMPLE.COM' },
          );
          assert.equal(await isPassword(user, NEW), true);
        });
      }

      for (const state of ['disabled', 'locked', 'expired'] as const) {
        it(`is refused for an account whose state is ${state}`, async () => {
          const user = await newUser({ state });
          assert.deepEqual(
            await verifierFor(domain, { canonicalize }).changePassword(user, OLD, NEW),
            { changed: false, reason: 'disabled' },
          );
        });
      }

      it('is refused for a wrong old password, which is one count', async () => {
        const user = await newUser();
        assert.deepEqual(
          await verifierFor(domain, { canonicalize }).changePassword(user, 'wrong', NEW),
          { changed: false, reason: 'credentials' },
        );
        assert.equal(await domain.failedCount(user), 1);
      });
    });
  }

  it('is made for a user whose password has expired by its age', async () => {
    const user = await newUser();
    await domain.setPasswordPolicy({ longest: 2 * DAY });
    await domain.agePassword(user, 3 * DAY);
    const verdict = await verifierFor(domain).verify(user, OLD);
    assert.deepEqual(verdict, { verified: false, reason: 'expired' });
    assert.deepEqual(await verifierFor(domain).changePassword(user, OLD, NEW), {
      changed: true,
      principal: `${user}@EXAMPLE.COM`,
      realm: 'EXAMPLE.COM',
    });
    await domain.setPasswordPolicy({});
    assert.equal(await isPassword(user, NEW), true);
  });

  it('is made by a user principal name', async () => {
    const user = await newUser({ upn: 'first.last@corp.example' });
    const verifier = verifierFor(domain, { canonicalize: true, upnSuffixes: ['corp.example'] });
    assert.deepEqual(await verifier.changePassword('first.last@corp.example', OLD, NEW), {
      changed: true,
      principal: `${user}@EXAMPLE.COM`,
      realm: 'EXAMPLE.COM',
    });
  });

  const rows: [string, Parameters<SambaDomain['setPasswordPolicy']>[0], string, RegExp][] = [
    ['a short password', { length: 20 }, 'Short1!', /too short|at least 20/],
    ['a simple one', { complexity: true }, 'onlysmallletters', /complex/],
    ['an earlier one', { history: 5 }, OLD, /history|previously/],
    ['one that comes too early', { age: DAY }, NEW, /too (recent|soon|young)|1 day|minimum/i],
  ];
  for (const [what, policy, password, words] of rows) {
    it(`is refused by the domain's policy, in its own words, for ${what}`, async () => {
      const user = await newUser();
      await domain.setPasswordPolicy(policy);
      const change = await verifierFor(domain).changePassword(user, OLD, password);
      assert(!change.changed);
      assert.equal(change.reason, 'rejected');
      assert.match(change.message ?? '', words);
      assert.doesNotMatch(change.message ?? '', /\p{Cc}/u);
      assert.equal(await isPassword(user, OLD), true);
    });
  }
});
