// The keys of a Realm's services: rotated, stale and wrong.

import { deepEqual, equal, rejects } from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { kpass, Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import { client } from '../support/kinit';
import { failureOf } from '../support/subject';

describe("the keys of a Realm's services", () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({
      users: { alice: 'wonderland' },
      services: ['HTTP/localhost', 'imap/localhost'],
      enctypes: ['aes256-cts-hmac-sha1-96'],
    });
  });
  after(() => realm?.stop());

  /** Adds a service for one test, with the host localhost. */
  async function service(name: string): Promise<string> {
    await realm.addService(`${name}/localhost`);
    return `${name}/localhost`;
  }

  function login(service: string, keytab = realm.keytab(service)): Promise<boolean> {
    const [name = '', host] = service.split('/');
    return kpass('alice', 'wonderland', name, host, keytab, { config: realm.config });
  }

  async function versions(keytab: string): Promise<number[]> {
    const { stdout } = await client(realm.config, ['klist', '-k', keytab]);
    return [...stdout.matchAll(/^ +(\d+) /gm)].map(([, version]) => Number(version));
  }

  it('are in a keytab for each service', async () => {
    equal(await login('HTTP/localhost'), true);
    equal(await login('imap/localhost'), true);
    equal(
      (await failureOf(login('HTTP/localhost', realm.keytab('imap/localhost')))).code,
      'ERR_KPASS_KEYTAB',
    );
  });

  it('have the requested types', async () => {
    await realm.addService('sha2/localhost', { enctypes: ['aes128-cts-hmac-sha256-128'] });
    const { stdout } = await client(realm.config, ['klist', '-ek', realm.keytab('sha2/localhost')]);
    equal([...stdout.matchAll(/@EXAMPLE\.COM \(aes128-cts-hmac-sha256-128\)/g)].length, 1);
    equal(await login('sha2/localhost'), true);
  });

  it('rotate at the KDC and in the keytab', async () => {
    const rotating = await service('rotating');
    await Promise.all([realm.rotateKeytab(rotating), realm.rotateKeytab(rotating)]);
    deepEqual(await versions(realm.keytab(rotating)), [1, 2, 3]);
    equal((await stat(realm.keytab(rotating))).mode & 0o777, 0o600);
    equal(await login(rotating), true);
  });

  it('rotate without making a login fail', async () => {
    const busy = await service('busy');
    const [name = '', host] = busy.split('/');
    const { config } = realm;
    const verifier = new Verifier({ service: name, host, keytab: realm.keytab(busy), config });
    const outcomes: string[] = [];
    let rotating = true;
    const hand = async () => {
      while (rotating) {
        await verifier.verify('alice', 'wonderland').then(
          ({ verified }) => outcomes.push(String(verified)),
          ({ code }) => outcomes.push(code),
        );
      }
    };
    const hands = Promise.all(Array.from({ length: 8 }, hand));
    for (let n = 0; n < 5; n++) {
      const enough = outcomes.length + 10;
      while (outcomes.length < enough) await setImmediate();
      await realm.rotateKeytab(busy);
    }
    rotating = false;
    await hands;
    deepEqual([...new Set(outcomes)], ['true']);
    deepEqual((await versions(realm.keytab(busy))).at(-1), 6);
    verifier.close();
  });

  it('rotate while the KDC is paused, and while it is stopped', async () => {
    const resting = await service('resting');
    await realm.pause();
    await realm.rotateKeytab(resting);
    const { config } = realm;
    const keytab = realm.keytab(resting);
    const silent = kpass('alice', 'wonderland', 'resting', 'localhost', keytab, {
      config,
      timeout: 200,
    });
    equal((await failureOf(silent)).code, 'ERR_KPASS_TIMEOUT');
    await realm.resume();
    equal(await login(resting), true);
    await realm.stopKdc();
    await realm.rotateKeytab(resting);
    await realm.startKdc();
    equal(await login(resting), true);
    deepEqual(await versions(keytab), [1, 2, 3]);
  });

  it('may be stale in the keytab, until they are rotated', async () => {
    const stale = await service('stale');
    await realm.rotateKey(stale);
    deepEqual(await versions(realm.keytab(stale)), [1]);
    equal((await failureOf(login(stale))).code, 'ERR_KPASS_KEYTAB');
    await realm.rotateKeytab(stale);
    equal(await login(stale), true);
    deepEqual(await versions(realm.keytab(stale)), [1, 3]);
  });

  it('can be written to other keytabs, for one or several services', async () => {
    const fresh = await service('fresh');
    await realm.rotateKey(fresh);
    const several = await realm.writeKeytab(fresh, 'HTTP/localhost');
    deepEqual(await versions(several), [2, 1]);
    equal((await stat(several)).mode & 0o777, 0o600);
    equal(await login(fresh, several), true);
    equal(await login('HTTP/localhost', several), true);
  });

  it('are wrong in a wrong keytab, with the right names and versions', async () => {
    const rotated = await service('rotated');
    await realm.rotateKeytab(rotated);
    const wrong = await realm.writeWrongKeytab(rotated);
    deepEqual(await versions(wrong), [1, 2]);
    equal((await stat(wrong)).mode & 0o777, 0o600);
    equal((await failureOf(login(rotated, wrong))).code, 'ERR_KPASS_UNVERIFIED');
    equal(await login(rotated), true);
  });

  it('of an unknown service do not exist', async () => {
    const unknown = /EXAMPLE\.COM has no service ldap\/localhost/;
    await rejects(realm.rotateKeytab('ldap/localhost'), unknown);
    await rejects(realm.writeWrongKeytab('ldap/localhost'), unknown);
    await rejects(realm.rotateKey('ldap/localhost'), /ldap\/localhost/);
    const keyless = /EXAMPLE\.COM has no keys of ldap\/localhost/;
    await rejects(realm.writeKeytab('HTTP/localhost', 'ldap/localhost'), keyless);
  });
});
