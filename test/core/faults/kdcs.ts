// KDCs that are absent, silent, slow or restarted, that have another clock, or that DNS names.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Verifier } from 'kpass';
import { Realm } from 'kpass/testing';
import { asCResolver } from '../../support/dns';
import { FaultProxy } from '../../support/fault-proxy';
import { SERVICE } from '../../support/subject';
import { byTgt, only, outcomeOf, type Row, type Scene, through } from './scene';

const atClock = (clock: string, canonicalize: boolean) => async (scene: Scene) => {
  await using elsewhen = await Realm.start({ clock, users: { alice: 'wonderland' } });
  const { config } = elsewhen;
  return await scene.ask({ config, canonicalize, keytab: elsewhen.keytab(SERVICE) });
};

/** After the reply to the n-th request, the proxy's ports refuse everything. */
async function goneAfter(scene: Scene, n: number, canonicalize: boolean): Promise<string> {
  await using proxy = await FaultProxy.start(scene.realm);
  await proxy.use((request) => {
    if (request.n > n) return 'reset';
    if (request.n < n) return 'pass';
    return {
      reply: (reply) => {
        setImmediate(() => void proxy.use('reset')); // after the reply is sent
        return reply;
      },
    };
  });
  return await scene.ask({ config: proxy.config, canonicalize });
}

export const kdcRows: readonly Row[] = [
  {
    fault: 'no KDC at the port',
    outcome: 'ERR_KPASS_KDC',
    run: async (scene) =>
      scene.ask({ config: await scene.realm.writeConfig({ kdcs: ['127.0.0.1:1'] }) }),
  },
  {
    fault: 'no KDC at the first of two addresses',
    outcome: 'true',
    run: async (scene) => {
      const kdcs = ['127.0.0.1:1', `127.0.0.1:${scene.realm.port}`];
      return scene.ask({ config: await scene.realm.writeConfig({ kdcs }) });
    },
  },
  {
    fault: 'a silent KDC at the first of two addresses',
    outcome: 'true',
    within: 8_000,
    waits: true,
    run: async (scene) => {
      await using proxy = await FaultProxy.start(scene.realm);
      await proxy.use('silent');
      const kdcs = [`127.0.0.1:${proxy.port}`, `127.0.0.1:${scene.realm.port}`];
      return await scene.ask({ config: await scene.realm.writeConfig({ kdcs }) });
    },
  },
  {
    fault: 'a KDC silent on UDP and TCP',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: through('silent', { timeout: 700 }),
  },
  {
    fault: 'a KDC that closes connections without an answer',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: through('drop', { timeout: 700 }),
  },
  {
    fault: 'one datagram lost',
    outcome: 'true',
    waits: true,
    run: through(({ n, again }) => (n === 1 && again === 0 ? 'silent' : 'pass')),
  },
  { fault: 'connections reset', outcome: 'ERR_KPASS_KDC', run: through('reset') },
  {
    fault: 'a KDC slower than usual, within the deadline',
    outcome: 'true',
    waits: true,
    run: through({ delay: 300 }),
  },
  {
    fault: 'a KDC so slow that it is asked again, within the deadline',
    outcome: 'true',
    within: 8_000,
    waits: true,
    run: through({ delay: 1_500 }),
  },
  {
    fault: 'a KDC slower than the deadline',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: through({ delay: 1_500 }, { timeout: 700 }),
  },
  {
    fault: 'a TGS slower than the deadline',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: byTgt(({ type }) => (type === 'TGS-REQ' ? { delay: 3_000 } : 'pass'), { timeout: 1_000 }),
  },
  {
    fault: 'a KDC that is gone between the two exchanges',
    outcome: 'ERR_KPASS_KDC',
    waits: true,
    run: (scene) => goneAfter(scene, 1, false),
  },
  {
    fault: 'a KDC that is killed between the two exchanges, and soon comes back',
    outcome: 'true',
    waits: true,
    run: async (scene) => {
      await using own = await Realm.start({ users: { alice: 'wonderland' } });
      await using proxy = await FaultProxy.start(own);
      let back: Promise<void> | undefined;
      await proxy.use(({ n }) => {
        if (n === 1 || back) return 'pass';
        back = own.stopKdc().then(() => own.startKdc());
        return 'drop';
      });
      const verifier = new Verifier(scene.optionsFor(own, { config: proxy.config }));
      const outcome = await outcomeOf(verifier);
      assert(back, 'there was no second exchange');
      await back;
      return outcome;
    },
  },
  {
    fault: 'a KDC that is gone before the exchange with the TGS',
    outcome: 'ERR_KPASS_KDC',
    waits: true,
    run: (scene) => goneAfter(scene, 2, true),
  },
  {
    fault: 'a KDC restarted while 100 verifications are pending',
    outcome: /^(true|ERR_KPASS_KDC|true ERR_KPASS_KDC|ERR_KPASS_KDC true)$/,
    within: 15_000,
    waits: true,
    run: async (scene) => {
      await using own = await Realm.start({ users: { alice: 'wonderland' } });
      const verifier = new Verifier(scene.optionsFor(own));
      await own.pause();
      const pending = Array.from({ length: 100 }, () => outcomeOf(verifier));
      const { active, queued } = verifier.stats;
      assert.equal(active + queued, 100);
      await own.startKdc();
      const outcomes = only(await Promise.all(pending), 'true', 'ERR_KPASS_KDC');
      return (await outcomeOf(verifier)) === 'true' ? outcomes : 'no recovery';
    },
  },
  {
    fault: 'a KDC that is down, and comes back',
    outcome: 'true',
    waits: true,
    within: 10_000,
    run: async (scene) => {
      await using own = await Realm.start({ users: { alice: 'wonderland' } });
      const verifier = new Verifier(scene.optionsFor(own));
      await own.stopKdc();
      assert.equal(await outcomeOf(verifier), 'ERR_KPASS_KDC');
      await own.startKdc();
      const start = performance.now();
      const outcome = await outcomeOf(verifier);
      console.log(`      recovery from a dead KDC: ${(performance.now() - start).toFixed(0)} ms`);
      return outcome;
    },
  },
  {
    fault: 'a silent KDC that stalls all possible threads, and comes back',
    outcome: 'true',
    waits: true,
    within: 35_000,
    run: async (scene) => {
      await using proxy = await FaultProxy.start(scene.realm);
      await proxy.use('drop');
      const verifier = new Verifier(
        scene.optionsFor(scene.realm, { config: proxy.config, threads: 2 }),
      );
      const doomed = Array.from({ length: 4 }, () =>
        verifier.verify('alice', 'wonderland', { timeout: 300 }).catch((error) => error.code),
      );
      assert.deepEqual(new Set(await Promise.all(doomed)), new Set(['ERR_KPASS_TIMEOUT']));
      await proxy.use('pass');
      const start = performance.now();
      const verdict = await verifier.verify('alice', 'wonderland', { timeout: 40_000 });
      console.log(
        `      recovery with all threads stalled: ${(performance.now() - start).toFixed(0)} ms`,
      );
      return String(verdict.verified);
    },
  },
  ...['-1d', '-10m', '+10m', '+1d'].flatMap((clock): Row[] =>
    [false, true].map((canonicalize) => ({
      fault: `a KDC whose clock is at ${clock}${canonicalize ? ', by way of a TGT' : ''}`,
      outcome: 'ERR_KPASS_KDC',
      run: atClock(clock, canonicalize),
    })),
  ),
  ...['-2m', '+2m'].map(
    (clock): Row => ({
      fault: `a KDC whose clock is at ${clock}`,
      outcome: 'true',
      run: atClock(clock, false),
    }),
  ),
  {
    fault: 'a KDC with a name that DNS does not have',
    outcome: /^ERR_KPASS_(KDC|TIMEOUT)$/,
    within: 6_000,
    waits: true,
    run: async (scene) => {
      const config = await scene.realm.writeConfig({ kdcs: ['nonexistent.invalid:88'] });
      return await scene.ask({ config, timeout: 3_000 });
    },
  },
  {
    fault: 'KDCs that are left to DNS, which has none',
    outcome: /^ERR_KPASS_(KDC|TIMEOUT)$/,
    within: 6_000,
    waits: true,
    run: async (scene) => scene.ask({ config: await configWithDns(scene), timeout: 3_000 }),
  },
  {
    fault: 'KDCs that are left to DNS, which is silent; then the process exits',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: async (scene) => {
      const mute = createSocket('udp4').bind(0, '127.0.0.1');
      await once(mute, 'listening');
      try {
        const env = await asCResolver(mute.address().port, scene.realm.folder);
        return await scene.exitWith('config', await configWithDns(scene), env);
      } finally {
        mute.close();
      }
    },
  },
];

const configWithDns = (scene: Scene) =>
  scene.realm.writeConfig({ kdcs: [], more: '[libdefaults]\ndns_lookup_kdc = true\n' });
