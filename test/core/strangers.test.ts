// A signal is the caller's own object, and its methods may throw. That costs no other call anything,
// and the call itself ends as it should.

import assert from 'node:assert/strict';
import { Acceptor, type Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { FaultProxy } from '../support/fault-proxy';
import { failureOf, SERVICE, verifierFor } from '../support/subject';

const FAULT = new Error("the signal's own fault");
const fail = () => {
  throw FAULT;
};

/** A signal with some members of its own. */
function signalWith(own: object): AbortSignal {
  const { signal } = new AbortController();
  const descriptors = Object.getOwnPropertyDescriptors(own);
  return Object.defineProperties(signal, descriptors);
}

/** What most wrappers of an object do: the wrapped object's methods get that object as `this`. */
function proxyOf(signal: AbortSignal): AbortSignal {
  return new Proxy(signal, {
    get(target, name) {
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Keeps JavaScript's thread until all verifications are done: they are then told in one go. */
function holdUntilDone(verifier: Verifier): void {
  const end = performance.now() + 10_000;
  while (verifier.stats.active + verifier.stats.queued > 0) assert(performance.now() < end);
}

describe('a signal whose methods throw', () => {
  let realm: Realm;
  let silent: FaultProxy;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    silent = await FaultProxy.start(realm);
    await silent.use('silent');
  });
  after(async () => {
    await silent?.stop();
    await realm?.stop();
  });
  beforeEach(() => {
    silent.log.length = 0;
  });

  it('takes no verdict away, of others or its own, when it cannot be let go', async () => {
    const verifier = verifierFor(realm, { timeout: 5_000 });
    const hostile = () => signalWith({ removeEventListener: fail });
    const calls = Array.from({ length: 30 }, (_, i) =>
      verifier.verify(
        'alice',
        i % 3 === 0 ? 'x' : 'wonderland',
        i % 5 === 0 ? { signal: hostile() } : {},
      ),
    );
    holdUntilDone(verifier);
    const verdicts = (await Promise.all(calls)).map(({ verified }) => verified);
    assert.deepEqual(
      verdicts,
      calls.map((_, i) => i % 3 !== 0),
    );
  });

  it('lets every deadline pass in its time', async () => {
    const verifier = verifierFor(realm, { config: silent.config, timeout: 300 });
    const signal = signalWith({ removeEventListener: fail });
    const start = performance.now();
    const calls = [1, 2, 3].map((i) => verifier.verify('alice', 'x', i === 1 ? { signal } : {}));
    for (const error of await Promise.all(calls.map(failureOf))) {
      assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
    }
    assert(performance.now() - start < 3_000);
    assert.equal(verifier.stats.failed, 3);
  });

  it('aborts all of its calls', async () => {
    const verifier = verifierFor(realm, { config: silent.config });
    const controller = new AbortController();
    const signal = Object.assign(controller.signal, { removeEventListener: fail });
    const calls = [1, 2, 3].map(() => verifier.verify('alice', 'x', { signal }));
    controller.abort(FAULT);
    for (const call of calls) await assert.rejects(call, FAULT);
  });

  it('gives the error of its reason to all of its calls', async () => {
    const verifier = verifierFor(realm, { config: silent.config });
    const controller = new AbortController();
    Object.defineProperty(controller.signal, 'reason', { get: fail });
    const { signal } = controller;
    const calls = [1, 2, 3].map(() => verifier.verify('alice', 'x', { signal }));
    controller.abort();
    for (const call of calls) await assert.rejects(call, FAULT);
  });

  const refusals: [string, (controller: AbortController) => AbortSignal][] = [
    ['it cannot be watched', () => signalWith({ addEventListener: fail })],
    [
      'it is aborted while it is watched',
      (controller) =>
        Object.assign(controller.signal, {
          addEventListener(...args: Parameters<AbortSignal['addEventListener']>) {
            EventTarget.prototype.addEventListener.apply(this, args);
            controller.abort(FAULT);
          },
        }),
    ],
    [
      'it says only then that it is aborted',
      () => {
        let asked = 0;
        return signalWith({
          get aborted() {
            return asked++ > 0;
          },
          reason: FAULT,
        });
      },
    ],
  ];
  for (const [what, make] of refusals) {
    it(`sends nothing when ${what}`, async () => {
      const verifier = verifierFor(realm, { config: silent.config, timeout: 1_000 });
      const signal = make(new AbortController());
      await assert.rejects(verifier.verify('alice', 'x', { signal }), FAULT);
      const { active, failed } = verifier.stats;
      assert.deepEqual({ active, failed }, { active: 0, failed: 1 });
      await failureOf(verifier.verify('nobody', 'x', { timeout: 200 }));
      const asked = silent.log.map(({ bytes }) => bytes.includes('nobody'));
      assert(asked.length > 0 && asked.every(Boolean), `${asked}`);
    });
  }

  it('costs no accept of an Acceptor', async () => {
    const acceptor = new Acceptor({
      host: 'localhost',
      service: 'HTTP',
      config: realm.config,
      keytab: realm.keytab(SERVICE),
    });
    const signals = [{}, { removeEventListener: fail }, {}].map(signalWith);
    const accepts = signals.map((signal) => acceptor.accept(Buffer.from('none'), { signal }));
    for (const accept of accepts) {
      assert.deepEqual(await accept, { accepted: false, reason: 'malformed' });
    }
    const signal = signalWith({ addEventListener: fail });
    await assert.rejects(acceptor.accept(Buffer.from('none'), { signal }), FAULT);
    acceptor.close();
  });

  it('aborts as a Proxy of a signal', async () => {
    const verifier = verifierFor(realm, { config: silent.config, timeout: 5_000 });
    const controller = new AbortController();
    const call = verifier.verify('alice', 'x', { signal: proxyOf(controller.signal) });
    controller.abort(FAULT);
    await assert.rejects(call, FAULT);
  });

  it('an error in the function that settles a call leaves the others their verdicts', async () => {
    const { code, stdout, stderr } = await runProgram(
      realm,
      `const { binding } = require(require.resolve('kpass').replace('index.js', 'binding.js'));
       const table = binding[Symbol.for('kpass.pending')];
       process.on('uncaughtException', ({ message }) => console.log('uncaught', message));
       const verifier = new Verifier({ ...options, timeout: 5000 });
       const calls = Array.from({ length: 10 }, () => {
         const call = verifier.verify('alice', 'wonderland');
         const [id] = [...table.keys()].slice(-1);
         return { call, id };
       });
       table.set(calls[0].id, { settle() { throw new Error('no'); } });
       while (verifier.stats.active + verifier.stats.queued > 0);
       Promise.all(calls.slice(1).map(({ call }) => call)).then((verdicts) => {
         console.log(verdicts.every(({ verified }) => verified));
         process.exit();
       });`,
    );
    assert.deepEqual(
      { code, stderr, lines: stdout.trim().split('\n') },
      { code: 0, stderr: '', lines: ['uncaught no', 'true'] },
    );
  });
});
