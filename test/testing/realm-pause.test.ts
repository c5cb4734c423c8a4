// The KDC of a Realm, paused and stopped.

import { equal, match, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import { refuses } from '../support/ends';
import { failureOf } from '../support/subject';

describe("a Realm's KDC", () => {
  let realm: Realm;
  let verifier: Verifier;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    verifier = new Verifier({
      service: 'HTTP',
      host: 'localhost',
      keytab: realm.keytab('HTTP/localhost'),
      config: realm.config,
    });
  });
  after(async () => {
    verifier?.close();
    await realm?.stop();
  });

  const login = (timeout = 10_000) => verifier.verify('alice', 'wonderland', { timeout });

  it('is silent while it is paused, and answers waiting requests when it goes on', async () => {
    await realm.pause();
    equal((await failureOf(login(200))).code, 'ERR_KPASS_TIMEOUT');
    const waiting = login();
    await realm.resume();
    equal((await waiting).verified, true);
    equal((await login()).verified, true);
  });

  it('accepts connections while it is paused', async () => {
    await realm.pause();
    const socket = connect(realm.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
    await realm.resume();
  });

  it('is paused once by two calls, and resumed by one', async () => {
    await Promise.all([realm.pause(), realm.pause()]);
    await realm.resume();
    await realm.resume();
    equal((await login()).verified, true);
  });

  it('allows changes to the realm while it is paused', async () => {
    await realm.addUser('bob', 'old');
    await realm.pause();
    await realm.changePassword('bob', 'new');
    await realm.addUser('carol', 'secret', { state: 'locked' });
    await realm.resume();
    equal((await verifier.verify('bob', 'new')).verified, true);
    equal((await verifier.verify('carol', 'secret')).verified, false);
  });

  it('does not lock its database while it is paused, even if it was busy', async () => {
    // The test changes no account that logs in meanwhile: the KDC would undo the change.
    await realm.addUser('dan', 'secret');
    let busy = true;
    const hand = async () => {
      while (busy) await verifier.verify('alice', 'wrong', { timeout: 60_000 });
    };
    const hands = Promise.all(Array.from({ length: 8 }, hand));
    for (let n = 0; n < 15; n++) {
      await realm.pause();
      await realm.kadmin('modprinc', '-maxlife', `${n + 1} hours`, 'dan');
      await realm.resume();
    }
    busy = false;
    await hands;
    match(await realm.kadmin('getprinc', 'dan'), /^Maximum ticket life: 0 days 15:00:00$/m);
  });

  it('refuses connections while it is stopped, even if it was paused', async () => {
    await realm.pause();
    await realm.stopKdc();
    await refuses(realm.port);
    equal((await failureOf(login())).code, 'ERR_KPASS_KDC');
    await realm.startKdc();
    equal((await login()).verified, true);
  });

  it('goes on when it is started while it is paused', async () => {
    await realm.pause();
    await realm.startKdc();
    equal((await login()).verified, true);
  });

  it('can be neither paused nor resumed while it is stopped', async () => {
    await realm.stopKdc();
    await rejects(realm.pause(), /the KDC is stopped/);
    await rejects(realm.resume(), /the KDC is stopped/);
    await realm.startKdc();
    equal((await login()).verified, true);
  });
});
