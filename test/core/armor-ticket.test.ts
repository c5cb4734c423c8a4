// The armor's ticket: when kpass fetches it, how long it lasts, and logins while there is none.

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import {
  isArmored,
  isFrom,
  PA_FX_FAST,
  PA_REQ_ENC_PA_REP,
  unarmoredOf,
  withoutPadata,
} from '../support/armor';
import { prelude, runProgram } from '../support/child';
import { FaultProxy, type Mode, type Request } from '../support/fault-proxy';
import { errorCode } from '../support/messages';
import { demandInError, PREAUTH_REQUIRED } from '../support/padata';
import { failureOf, SERVICE, verifierFor } from '../support/subject';

const VERIFIED = { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' };
const OTHER = 'other/localhost';
const AES256_SHA1 = 18;
const SLACK = 2_000 * Number(process.env.KPASS_SLOW ?? 1);

const ofService = (request: Request) => isFrom(SERVICE, request);
const ofAlice = (request: Request) => isFrom('alice', request);

/** A proxy for each test: a krb5.conf of its own, and so armor of its own. */
class Scene {
  private constructor(
    readonly realm: Realm,
    readonly proxy: FaultProxy,
  ) {}

  static async in(realm: Realm): Promise<Scene> {
    return new Scene(realm, await FaultProxy.start(realm));
  }

  readonly #verifiers: Verifier[] = [];

  verifier(more: Parameters<typeof verifierFor>[1] = {}): Verifier {
    const made = verifierFor(this.realm, { config: this.proxy.config, ...more });
    this.#verifiers.push(made);
    return made;
  }

  /** The service's own logins that the proxy has seen. Without preauthentication, each is one message. */
  get fetches(): number {
    return this.proxy.log.filter((request) => ofService(request) && !isArmored(request.bytes))
      .length;
  }

  get unarmored(): number {
    return unarmoredOf('alice', this.proxy.log).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const verifier of this.#verifiers) verifier.close();
    await this.proxy.stop();
  }
}

/** What somebody on the wire can do to keep logins from being armored. */
const ATTACKS: Record<string, Mode> = {
  'drops the armored ones': (request) =>
    ofAlice(request) && isArmored(request.bytes) ? 'silent' : 'pass',
  'drops the service’s': (request) => (ofService(request) ? 'silent' : 'pass'),
  'forges an error to the service': (request) => (ofService(request) ? { error: 6 } : 'pass'),
  'forges 31 to all': { error: 31 },
  'forges 25 to the armored ones': (request) =>
    ofAlice(request)
      ? {
          reply: (reply) =>
            errorCode(reply) === PREAUTH_REQUIRED
              ? demandInError(reply, { etypes: [AES256_SHA1] })
              : reply,
        }
      : 'pass',
  'strips FAST from requests and replies': {
    request: (request) => withoutPadata(withoutPadata(request, PA_FX_FAST), PA_REQ_ENC_PA_REP),
    reply: (reply) => withoutPadata(reply, PA_FX_FAST),
  },
};

describe("with fast: 'try'", () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({
      users: { alice: 'wonderland' },
      services: [SERVICE, OTHER],
    });
  });
  after(() => realm?.stop());

  it('the first login is without armor, and all later ones are armored', async () => {
    await using scene = await Scene.in(realm);
    const verifier = scene.verifier();
    deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
    equal(scene.unarmored, 2);
    scene.proxy.reset();
    for (let i = 0; i < 5; i++) deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
    equal(scene.unarmored, 0);
    equal(verifier.stats.armored, 5);
  });

  it('a hundred logins at once fetch one armor', async () => {
    await using scene = await Scene.in(realm);
    const verifier = scene.verifier({ threads: 8 });
    const calls = Array.from({ length: 100 }, () => verifier.verify('alice', 'wonderland'));
    for (const verdict of await Promise.all(calls)) deepEqual(verdict, VERIFIED);
    equal(scene.fetches, 1);
    ok(verifier.stats.armored > 50, `${verifier.stats.armored}`);
  });

  it('two verifiers share the armor of one keytab', async () => {
    await using scene = await Scene.in(realm);
    await scene.verifier().verify('alice', 'wonderland');
    await scene.verifier().verify('alice', 'wonderland');
    const second = scene.verifier();
    await second.verify('alice', 'wonderland');
    equal(second.stats.armored, 1);
    equal(scene.fetches, 1);
  });

  it('the first login does not wait for an armor that does not come', async () => {
    await using scene = await Scene.in(realm);
    await scene.proxy.use((request) => (ofService(request) ? 'silent' : 'pass'));
    const verifier = scene.verifier({ threads: 1 });
    const started = performance.now();
    deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
    ok(performance.now() - started < SLACK);
  });

  it('logins go on without an armor that does not come, on one thread too', async () => {
    await using scene = await Scene.in(realm);
    await scene.proxy.use((request) => (ofService(request) ? 'silent' : 'pass'));
    const verifier = scene.verifier({ threads: 1, timeout: 20_000 });
    for (let i = 0; i < 3; i++) deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
    equal(verifier.stats.armored, 0);
  });

  it('a service that may not log in is asked once, and one warning tells it', async () => {
    await using scene = await Scene.in(realm);
    await scene.proxy.use((request) => (ofService(request) ? { error: 6 } : 'pass'));
    const { stdout, stderr, code } = await runProgram(
      realm,
      `process.on('warning', ({ name, code, message }) => console.log(name, code, message));
       (async () => {
         const verifier = new Verifier(options);
         for (let i = 0; i < 20; i++) {
           if (!(await verifier.verify('alice', 'wonderland')).verified) process.exit(1);
         }
       })();`,
      scene.proxy.config,
      { NODE_NO_WARNINGS: '1' },
    );
    equal(code, 0, stderr);
    equal(stdout.match(/KPASS_FAST/g)?.length, 1, stdout);
    match(stdout, /^SecurityWarning KPASS_FAST .*HTTP\/localhost@EXAMPLE\.COM/m);
    equal(scene.fetches, 1);
  });

  it('a realm that announces FAST and does not do it gets logins without armor', async () => {
    await using scene = await Scene.in(realm);
    await scene.proxy.use({
      request: (request) => withoutPadata(request, PA_FX_FAST),
      reply: (reply) => reply,
    });
    const verifier = scene.verifier();
    for (let i = 0; i < 5; i++) deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
    equal(verifier.stats.armored, 0);
    equal(scene.fetches, 1);
  });

  for (const transport of ['kpass', 'libkrb5'] as const) {
    for (const [attack, mode] of Object.entries(ATTACKS)) {
      it(`no later login is without armor, whoever ${attack} (${transport})`, async () => {
        await using scene = await Scene.in(realm);
        const verifier = scene.verifier({ transport });
        deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
        deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
        scene.proxy.reset();
        await scene.proxy.use(mode);
        for (let i = 0; i < 3; i++) {
          await verifier.verify('alice', 'wonderland', { timeout: 300 }).then(
            (verdict) => deepEqual(verdict, VERIFIED),
            ({ code }) => match(code, /^ERR_KPASS_(KDC|TIMEOUT|CONFIG)$/),
          );
        }
        equal(scene.unarmored, 0);
        await scene.proxy.use('pass');
        deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
        equal(scene.unarmored, 0);
      });
    }
  }
});

describe('an armor', () => {
  let realm: Realm;
  beforeEach(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' }, services: [SERVICE] });
  });
  afterEach(() => realm?.stop());

  for (const fast of ['try', 'require'] as const) {
    it(`that the KDC no longer takes is replaced, unseen (${fast})`, async () => {
      await using scene = await Scene.in(realm);
      const verifier = scene.verifier({ fast });
      for (let i = 0; i < 2; i++) await verifier.verify('alice', 'wonderland');
      await realm.kadmin('cpw', '-randkey', 'krbtgt/EXAMPLE.COM');
      scene.proxy.reset();
      const calls = Array.from({ length: 20 }, () => verifier.verify('alice', 'wonderland'));
      for (const verdict of await Promise.all(calls)) deepEqual(verdict, VERIFIED);
      equal(scene.unarmored, 0);
      equal(scene.fetches, 1);
      deepEqual(await verifier.verify('alice', 'wrong'), {
        verified: false,
        reason: 'credentials',
      });
      equal(await realm.failedCount('alice'), 1);
    });

    it(`that has expired is fetched anew, unseen (${fast})`, async () => {
      await realm.kadmin('modprinc', '-maxlife', '2 seconds', SERVICE);
      await using scene = await Scene.in(realm);
      const verifier = scene.verifier({ fast });
      for (let i = 0; i < 2; i++) await verifier.verify('alice', 'wonderland');
      scene.proxy.reset();
      await sleep(2_500);
      deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
      equal(scene.unarmored, 0);
      equal(scene.fetches, 1);
    });

    it(`is renewed at half its life, while logins go on (${fast})`, async () => {
      await realm.kadmin('modprinc', '-maxlife', '4 seconds', SERVICE);
      await using scene = await Scene.in(realm);
      const verifier = scene.verifier({ fast });
      for (let i = 0; i < 2; i++) await verifier.verify('alice', 'wonderland');
      scene.proxy.reset();
      const until = Date.now() + 5_000;
      while (Date.now() < until) deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
      equal(scene.unarmored, 0);
      ok(scene.fetches >= 2 && scene.fetches <= 4, `${scene.fetches}`);
    });

    it(`with a stale keytab is one failure of the service's in 500 logins (${fast})`, async () => {
      await realm.kadmin('modprinc', '+requires_preauth', SERVICE);
      const stale = `${realm.folder}/stale.keytab`;
      await copyFile(realm.keytab(SERVICE), stale);
      await realm.kadmin('cpw', '-randkey', SERVICE);
      await using scene = await Scene.in(realm);
      const verifier = scene.verifier({ fast, keytab: stale, timeout: 60_000 });
      const calls = Array.from({ length: 500 }, () =>
        failureOf(verifier.verify('alice', 'wonderland')),
      );
      const code = fast === 'require' ? 'ERR_KPASS_CONFIG' : 'ERR_KPASS_KEYTAB';
      for (const failure of await Promise.all(calls)) equal(failure.code, code);
      equal(await realm.failedCount(SERVICE), 1);
    });
  }

  it('of a new keytab is fetched as soon as the keytab is there', async () => {
    await realm.kadmin('modprinc', '+requires_preauth', SERVICE);
    const keytab = `${realm.folder}/rotated.keytab`;
    await copyFile(realm.keytab(SERVICE), keytab);
    await realm.kadmin('cpw', '-randkey', SERVICE);
    await using scene = await Scene.in(realm);
    const verifier = scene.verifier({ fast: 'require', keytab });
    const { code, message } = await failureOf(verifier.verify('alice', 'wonderland'));
    equal(code, 'ERR_KPASS_CONFIG');
    match(message, /the login of HTTP\/localhost@EXAMPLE\.COM with the keytab/);
    await realm.kadmin('ktadd', '-norandkey', '-k', keytab, SERVICE);
    deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
  });

  it('of a rotated keytab goes on', async () => {
    const keytab = `${realm.folder}/kept.keytab`;
    await copyFile(realm.keytab(SERVICE), keytab);
    await using scene = await Scene.in(realm);
    const verifier = scene.verifier({ fast: 'require', keytab });
    deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
    await realm.kadmin('ktadd', '-k', keytab, SERVICE);
    deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
  });

  it('is fetched by the principal that fastPrincipal names', async () => {
    await realm.kadmin('addprinc', '-randkey', 'WEB$');
    await realm.kadmin('modprinc', '-allow_tix', SERVICE);
    await realm.kadmin('modprinc', '+allow_tix', SERVICE);
    const keytab = `${realm.folder}/web.keytab`;
    await copyFile(realm.keytab(SERVICE), keytab);
    await realm.kadmin('ktadd', '-norandkey', '-k', keytab, 'WEB$');
    await using scene = await Scene.in(realm);
    for (const fastPrincipal of ['WEB$', 'WEB$@EXAMPLE.COM']) {
      const verifier = scene.verifier({ fast: 'require', keytab, fastPrincipal });
      deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
    }
    ok(scene.proxy.log.some((request) => isFrom('WEB$', request)));
    equal(scene.fetches, 0);
  });

  for (const [fastPrincipal, why] of [
    ['nobody', 'is not in the keytab'],
    ['HTTP/localhost@OTHER.EXAMPLE', 'is of another realm'],
  ] as const) {
    it(`of a principal that ${why} is ERR_KPASS_CONFIG`, async () => {
      await using scene = await Scene.in(realm);
      const verifier = scene.verifier({ fast: 'require', fastPrincipal });
      const { code } = await failureOf(verifier.verify('alice', 'wonderland'));
      equal(code, 'ERR_KPASS_CONFIG');
      equal(scene.proxy.log.filter(ofAlice).length, 0);
    });
  }

  for (const [flag, error] of [
    ['-allow_tix', 18],
    ['+needchange', 23],
  ] as const) {
    it(`of a service that may not log in (${flag}) is ERR_KPASS_CONFIG`, async () => {
      await realm.kadmin('modprinc', '+requires_preauth', flag, SERVICE);
      await using scene = await Scene.in(realm);
      const failure = await failureOf(
        scene.verifier({ fast: 'require' }).verify('alice', 'wonderland'),
      );
      equal(failure.code, 'ERR_KPASS_CONFIG');
      ok(scene.proxy.errors.includes(error), `${scene.proxy.errors}`);
    });
  }
});

describe('an armor that a silent KDC does not give', () => {
  let realm: Realm;
  let scene: Scene;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    scene = await Scene.in(realm);
    await scene.proxy.use((request) => (ofService(request) ? 'silent' : 'pass'));
  });
  after(async () => {
    await scene?.[Symbol.asyncDispose]();
    await realm?.stop();
  });

  it('is ERR_KPASS_TIMEOUT, and logins succeed as soon as the KDC answers', async () => {
    await using again = await Scene.in(realm);
    const verifier = again.verifier({ fast: 'require', timeout: 500 });
    await again.proxy.use('silent');
    equal((await failureOf(verifier.verify('alice', 'wonderland'))).code, 'ERR_KPASS_TIMEOUT');
    await again.proxy.use('pass');
    await sleep(1_500);
    deepEqual(await verifier.verify('alice', 'wonderland'), VERIFIED);
  });

  it('does not hold an aborted login', async () => {
    const verifier = scene.verifier({ fast: 'require' });
    const signal = AbortSignal.timeout(100);
    const started = performance.now();
    await verifier.verify('alice', 'wonderland', { signal }).catch(({ name }) => {
      equal(name, 'TimeoutError');
    });
    ok(performance.now() - started < SLACK);
    equal(verifier.stats.active, 0);
  });

  it('does not hold the process', async () => {
    const { code, stdout, endedIn } = await runProgram(
      realm,
      `new Verifier({ ...options, timeout: 60_000 }).verify('alice', 'wonderland')
         .then(({ verified }) => { console.log(verified); ending(); });`,
      scene.proxy.config,
    );
    equal(code, 0);
    match(stdout, /^true$/m);
    ok(endedIn < SLACK, `${endedIn} ms`);
  });

  it('does not hold process.exit()', async () => {
    const { code, endedIn } = await runProgram(
      realm,
      `new Verifier({ ...options, fast: 'require' }).verify('alice', 'wonderland');
       setTimeout(() => { ending(); process.exit(7); }, 300);`,
      scene.proxy.config,
    );
    equal(code, 7);
    ok(endedIn < SLACK, `${endedIn} ms`);
  });

  it('does not hold a worker that is terminated', async () => {
    const worker = `${prelude}
      new Verifier({ ...options, fast: 'require' }).verify('alice', 'wonderland');
      setTimeout(() => parentPort.postMessage('pending'), 200);`;
    const { code, stderr, endedIn } = await runProgram(
      realm,
      `const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
       worker.on('message', async () => { ending(); await worker.terminate(); });`,
      scene.proxy.config,
    );
    equal(code, 0, stderr);
    ok(endedIn < SLACK, `${endedIn} ms`);
  });
});
