// Options are what the caller has given: no property of Object.prototype, which other code may have
// put there, and no misspelt name, which would have no effect.

import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import { kpass, Verifier } from 'kpass';
import { Realm } from 'kpass/testing';

const VALUE = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const GOOD = { service: 'HTTP', host: 'localhost', keytab: '/nonexistent', config: '/nonexistent' };

/** An options object of a class: its options are getters. */
class Options {
  readonly #timeout: number;
  constructor(timeout: number) {
    this.#timeout = timeout;
  }
  get service(): string {
    return 'HTTP';
  }
  get timeout(): number {
    return this.#timeout;
  }
}

describe('options', () => {
  it('may come from a class, a Proxy, another context or an object without a prototype', () => {
    const timeout = 0; // wrong: who reads it throws
    const objects: { service: string; timeout: number }[] = [
      new Options(0),
      new Proxy({ service: 'HTTP', timeout }, {}),
      runInNewContext("({ service: 'HTTP', timeout: 0 })"),
      Object.assign(Object.create(null), { service: 'HTTP', timeout }),
      Object.assign(Object.create({ timeout }), { service: 'HTTP' }),
    ];
    for (const options of objects) assert.throws(() => new Verifier(options), VALUE);
    new Verifier(new Options(5)).close();
  });

  it('of another context are not taken from its Object.prototype', () => {
    const script = "Object.prototype.timeout = 0; ({ service: 'HTTP' })";
    new Verifier(runInNewContext(script)).close();
  });

  // The value is wrong for every option: an option that takes it throws a TypeError.
  const wrong = Symbol('wrong');
  const keys = [
    'host keytab realms timeout threads queue config canonicalize trace transport signal',
    'upnSuffixes domains realm cache throttle secure',
  ].flatMap((line) => line.split(' '));
  const everybody = Object.prototype as unknown as Record<string, unknown>;
  for (const key of keys) {
    it(`are not taken from Object.prototype: ${key}`, async () => {
      everybody[key] = wrong;
      try {
        const verifier = new Verifier({ service: 'HTTP' });
        new Verifier(new Options(5)).close();
        for (const options of [undefined, {}, { timeout: 5 }]) {
          assert.equal((await verifier.verify('alice', '', options)).verified, false);
          assert.equal(await kpass('alice', '', 'HTTP', null, null, options), false);
        }
        verifier.close();
      } finally {
        delete everybody[key];
      }
    });
  }

  const misspelt: [string, () => unknown][] = [
    ['a Verifier', () => new Verifier({ ...GOOD, keyTab: '/x' } as never)],
    ['a Verifier: one of a call', () => new Verifier({ ...GOOD, signal: 1 } as never)],
    ['a call', () => new Verifier(GOOD).verify('alice', 'x', { timeOut: 5 } as never)],
    ['kpass()', () => kpass('alice', 'x', 'HTTP', 'h', null, { realm: 'A' } as never)],
    ['kpass(): an argument', () => kpass('alice', 'x', 'HTTP', 'h', null, { host: 'h' } as never)],
    [
      "kpass(): one of a Verifier's",
      () => kpass('alice', 'x', 'HTTP', 'h', null, { threads: 4 } as never),
    ],
  ];
  for (const [what, make] of misspelt) {
    it(`${VALUE.code} for an unknown option of ${what}`, async () => {
      const message = /^options: there is no option '\w+'; there are \w+,/;
      await assert.rejects(async () => make(), { ...VALUE, message });
    });
  }
});

describe('options of kpass/testing', () => {
  const everybody = Object.prototype as unknown as Record<string, unknown>;

  it('are not taken from Object.prototype', async () => {
    const polluted = {
      name: 'POLLUTED',
      users: 'x',
      services: 'x',
      hosts: 'x',
      enctypes: 'x',
      clock: 'x',
      kdcConfig: 'x',
      programs: '/nonexistent',
      state: 'x',
      preauth: 'x',
      lockout: 'x',
      flags: 'x',
      kdcs: 'x',
      primary: 'x',
      realms: 'x',
      more: '[polluted',
    };
    Object.assign(everybody, polluted);
    try {
      await using realm = await Realm.start({ users: { alice: { password: 'wonderland' } } });
      await realm.addUser('bob', 'builder', {});
      await realm.addService('HTTP/other', {});
      const config = await realm.writeConfig({});
      for (const key of Object.keys(polluted)) delete everybody[key];
      const keytab = realm.keytab('HTTP/other');
      assert.equal(realm.name, 'EXAMPLE.COM');
      assert.equal(await kpass('bob', 'builder', 'HTTP', 'other', keytab, { config }), true);
    } finally {
      for (const key of Object.keys(polluted)) delete everybody[key];
    }
  });

  it('may come from a class', async () => {
    class RealmOptions {
      get name(): string {
        return 'CLASS.EXAMPLE';
      }
    }
    await using realm = await Realm.start(new RealmOptions());
    assert.equal(realm.name, 'CLASS.EXAMPLE');
  });
});
