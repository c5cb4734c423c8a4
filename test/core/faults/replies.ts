// Replies that are garbled, forged, repeated, swapped or cut off.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { FaultProxy, type Mode } from '../../support/fault-proxy';
import { demandIterations, TcpImpersonator } from '../../support/forged';
import { libkrb5Has } from '../../support/libkrb5';
import { byTgt, type Outcome, type Row, type Scene, SLOW, through } from './scene';

/** Verifies with a server in place of the KDC. */
const against = (serve: (client: Socket) => void) => async (scene: Scene) => {
  await using server = await TcpImpersonator.start(scene.realm, serve);
  return await scene.ask({ config: server.config, timeout: 1_000 * SLOW });
};

const forgedErrors: readonly (readonly [number, Outcome, Outcome])[] = [
  // the code, the outcome if the AS sends it, the outcome if the TGS sends it
  [0, 'ERR_KPASS_INTERNAL', 'ERR_KPASS_INTERNAL'],
  [1, 'disabled', 'disabled'],
  [6, 'credentials', 'credentials'],
  [7, 'ERR_KPASS_CONFIG', 'ERR_KPASS_CONFIG'],
  [12, 'policy', 'policy'],
  [14, 'policy', 'ERR_KPASS_CONFIG'],
  [18, 'disabled', 'disabled'],
  [23, 'expired', 'expired'],
  [24, 'credentials', 'ERR_KPASS_INTERNAL'],
  [25, 'policy', 'policy'],
  [31, 'credentials', 'ERR_KPASS_UNVERIFIED'],
  [37, 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
  [52, 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
  [60, 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
  [68, 'credentials', 'ERR_KPASS_INTERNAL'],
  [90, 'ERR_KPASS_KDC', 'ERR_KPASS_INTERNAL'],
  [127, 'ERR_KPASS_INTERNAL', 'ERR_KPASS_INTERNAL'],
  [128, 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
  [-1, 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
  [2 ** 31 - 1, 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
  [-(2 ** 31), 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
  // libkrb5 adds the code to its table's base. The sum is 0, "no error". libkrb5 would then crash,
  // because there is no ticket.
  [1_765_328_384, 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
  // The sum is 2, which is ENOENT.
  [1_765_328_386, 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
];

export const errorRows: readonly Row[] = forgedErrors.flatMap(([code, as, tgs]) => [
  { fault: `a forged error ${code} from the AS`, outcome: as, run: through({ error: code }) },
  {
    fault: `a forged error ${code} from the TGS`,
    outcome: tgs,
    run: byTgt(({ type }) => (type === 'TGS-REQ' ? { error: code } : 'pass')),
  },
]);

export const replyRows: readonly Row[] = [
  {
    fault: 'a forged error 29, after which libkrb5 before 1.22 goes on asking',
    outcome: 'ERR_KPASS_KDC',
    libkrb5: libkrb5Has('request_timeout') ? 'ERR_KPASS_KDC' : 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: through({ error: 29 }, { timeout: 700 * SLOW }),
  },
  { fault: 'garbage', outcome: 'ERR_KPASS_KDC', run: through('garbage') },
  {
    fault: 'garbage in the second exchange',
    outcome: 'ERR_KPASS_KDC',
    run: through(({ n }) => (n === 2 ? 'garbage' : 'pass')),
  },
  {
    fault: 'garbage from the TGS',
    outcome: 'ERR_KPASS_KDC',
    run: byTgt(({ type }) => (type === 'TGS-REQ' ? 'garbage' : 'pass')),
  },
  {
    fault: 'a reply of one byte, the tag of an AS-REP',
    outcome: 'ERR_KPASS_KDC',
    run: through({ reply: () => Buffer.from([0x6b]) }),
  },
  {
    fault: 'a reply of one byte, the tag of a KRB-ERROR',
    outcome: 'ERR_KPASS_KDC',
    run: through({ reply: () => Buffer.from([0x7e]) }),
  },
  {
    fault: 'an empty reply',
    outcome: 'ERR_KPASS_TIMEOUT',
    libkrb5: /^ERR_KPASS_(KDC|TIMEOUT)$/,
    waits: true,
    run: through({ reply: () => Buffer.alloc(0) }, { timeout: 700 }),
  },
  { fault: 'truncated replies', outcome: 'ERR_KPASS_KDC', run: through('truncated') },
  {
    fault: 'a truncated ticket',
    outcome: 'ERR_KPASS_KDC',
    run: through(({ n }) => (n === 2 ? 'truncated' : 'pass')),
  },
  {
    fault: 'a truncated reply of the TGS',
    outcome: 'ERR_KPASS_KDC',
    run: byTgt(({ type }) => (type === 'TGS-REQ' ? 'truncated' : 'pass')),
  },
  { fault: 'every reply twice', outcome: 'true', run: through('duplicate') },
  {
    fault: 'replies out of order: the first again, in place of the second',
    outcome: 'ERR_KPASS_KDC',
    run: async (scene) => {
      let first: Buffer | undefined;
      return through({
        reply: (reply) => {
          first ??= reply;
          return first;
        },
      })(scene);
    },
  },
  {
    fault: 'replies out of order: a ticket in place of the first',
    outcome: 'ERR_KPASS_KDC',
    run: async (scene) => {
      await using proxy = await FaultProxy.start(scene.realm);
      let last: Buffer | undefined;
      const keep = { reply: (reply: Buffer) => (last = reply) };
      await proxy.use(keep);
      assert.equal(await scene.ask({ config: proxy.config }), 'true');
      await proxy.use({ reply: () => last ?? null });
      return await scene.ask({ config: proxy.config });
    },
  },
  {
    fault: "another user's ticket",
    outcome: 'ERR_KPASS_KDC',
    run: (scene) => swapped(scene, 'bob', ({ n }) => (n === 2 ? 'swapped' : 'pass')),
  },
  {
    // A key made with another salt is a wrong one.
    fault: "the salt of another user's key",
    outcome: 'credentials',
    run: (scene) => swapped(scene, 'bob', ({ n }) => (n === 1 ? 'swapped' : 'pass')),
  },
  {
    fault: "the ticket of the same user's previous login",
    outcome: 'ERR_KPASS_KDC',
    run: (scene) => swapped(scene, 'alice', ({ n }) => (n === 2 ? 'swapped' : 'pass')),
  },
  {
    fault: 'the reply of the TGS to another request',
    outcome: 'ERR_KPASS_UNVERIFIED',
    run: (scene) =>
      swapped(scene, 'alice', ({ type }) => (type === 'TGS-REQ' ? 'swapped' : 'pass'), true),
  },
  {
    fault: 'a KDC that asks for 16,777,215 iterations; then the process exits',
    outcome: 'ERR_KPASS_KDC',
    waits: true,
    run: async (scene) => {
      await using proxy = await FaultProxy.start(scene.realm);
      await proxy.use(({ bytes }) => ({ reply: () => demandIterations(bytes, 0xffffff) }));
      const source = `
        const verifier = new Verifier({ ...options, config: '${proxy.config}' });
        ask(verifier).then((outcome) => { console.log(outcome.split(' ')[0]); process.exit(7); });`;
      return await scene.inChild(source, '7 null');
    },
  },
  {
    fault:
      'more logins at such a KDC than there are processors, and one elsewhere; then the process exits',
    outcome: 'true',
    waits: true,
    run: async (scene) => {
      await using proxy = await FaultProxy.start(scene.realm);
      await proxy.use(({ bytes }) => ({ reply: () => demandIterations(bytes, 0xffffff) }));
      const source = `
        const hostile = new Verifier({ ...options, config: '${proxy.config}', timeout: 700 });
        const many = Array.from({ length: require('node:os').cpus().length + 1 }, () => ask(hostile));
        Promise.all(many)
          .then(() => ask(new Verifier(options)))
          .then((outcome) => { console.log(outcome); process.exit(7); });`;
      return await scene.inChild(source, '7 null');
    },
  },
  {
    fault: 'a message of two gigabytes announced over TCP',
    outcome: 'ERR_KPASS_KDC',
    libkrb5: /^ERR_KPASS_(KDC|TIMEOUT)$/,
    waits: true,
    run: against((client) => client.write(Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x6b]))),
  },
  {
    fault: 'a message of no bytes over TCP',
    outcome: 'ERR_KPASS_KDC',
    libkrb5: /^ERR_KPASS_(KDC|TIMEOUT)$/,
    waits: true,
    run: against((client) => client.write(Buffer.alloc(4))),
  },
  {
    fault: 'a message that is cut off over TCP',
    outcome: 'ERR_KPASS_KDC',
    libkrb5: /^ERR_KPASS_(KDC|TIMEOUT)$/,
    waits: true,
    run: against((client) => client.end(Buffer.from([0, 0, 1, 0, 0x7e, 0x81, 0xfd]))),
  },
  {
    fault: 'a message that comes byte by byte, and never ends',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: against((client) => {
      client.write(Buffer.from([0, 0, 16, 0]));
      const drip = setInterval(() => client.write('k'), 50);
      client.on('close', () => clearInterval(drip));
    }),
  },
];

/** Verifies after another user's login: the proxy can reuse the replies to that login. */
async function swapped(
  scene: Scene,
  other: string,
  mode: Mode,
  canonicalize = false,
): Promise<string> {
  await using proxy = await FaultProxy.start(scene.realm);
  const options = { config: proxy.config, canonicalize };
  assert.equal(await scene.ask(options, other), 'true');
  proxy.reset();
  await proxy.use(mode);
  return await scene.ask(options);
}
