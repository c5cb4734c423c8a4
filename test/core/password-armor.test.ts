// The change of a password under armor (FAST): what an impostor of the KDC learns who knows the old
// password.

import assert from 'node:assert/strict';
import type { VerifierOptions } from 'kpass';
import { Realm } from 'kpass/testing';
import { clientOf, isArmored } from '../support/armor';
import { FaultProxy } from '../support/fault-proxy';
import { failureOf, verifierFor } from '../support/subject';

const OLD = 'the old password';
const NEW = 'the new password';

describe('the change of a password under armor', function () {
  this.timeout(60_000);
  let realm: Realm;
  let users = 0;
  before(async () => {
    realm = await Realm.start({ passwords: true });
  });
  after(() => realm?.stop());

  async function newUser(): Promise<string> {
    users += 1;
    await realm.addUser(`user${users}`, OLD);
    return `user${users}`;
  }

  it('sends no unarmored request of the user with `require`', async () => {
    const user = await newUser();
    await using proxy = await FaultProxy.start(realm);
    const verifier = verifierFor(realm, { config: proxy.config, fast: 'require' });
    const change = await verifier.changePassword(user, OLD, NEW);
    assert.equal(change.changed, true);
    const requests = proxy.log.filter(({ bytes }) => bytes[0] === 0x6a && clientOf(bytes) === user);
    assert(requests.length >= 4, `${requests.length}: two logins`);
    assert(requests.every(({ bytes }) => isArmored(bytes)));
  });

  /** The impostor accepts the old password, and answers in place of the password server too. */
  async function change(user: string, more: Partial<VerifierOptions>) {
    await using impostor = await realm.impostor({ users: { [user]: OLD } });
    await using server = await FaultProxy.beforePasswords(impostor);
    const config = await impostor.writeConfig({ passwordServers: [`127.0.0.1:${server.port}`] });
    const verifier = verifierFor(realm, { config, ...more });
    const error = await failureOf(verifier.changePassword(user, OLD, NEW));
    // The impostor's own database tells whether it got the new password.
    const keytab = impostor.keytab('HTTP/localhost');
    const theirs = verifierFor(impostor, { keytab, fast: 'never' });
    const learned = (await theirs.verify(user, NEW)).verified;
    return { code: error.code, learned, asked: server.log.length > 0 };
  }

  it('keeps the new password from an impostor who knows the old one, with `require`', async () => {
    const { code, learned, asked } = await change(await newUser(), { fast: 'require' });
    assert.deepEqual({ learned, asked }, { learned: false, asked: false });
    assert.match(code, /^ERR_KPASS_(KDC|CONFIG|KEYTAB|UNVERIFIED)$/);
  });

  it('does not without armor: there the impostor reads it, and the change is an error', async () => {
    const { code, learned } = await change(await newUser(), { fast: 'never' });
    assert.equal(learned, true);
    assert.equal(code, 'ERR_KPASS_UNVERIFIED');
  });
});
