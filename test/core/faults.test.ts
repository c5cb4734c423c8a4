// The fault matrix: whatever breaks, a verification comes to the outcome in its row, within the time
// in its row, and never to true unless the row says so, whoever carries the messages. Rows that wait
// for the network are started together; each has a proxy, a file or a process of its own.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  chmod,
  chown,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Verifier, type VerifierOptions } from 'kpass';
import { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { asCResolver } from '../support/dns';
import { FaultProxy, type Mode } from '../support/fault-proxy';
import { demandIterations, TcpImpersonator } from '../support/forged';
import { libkrb5Has } from '../support/libkrb5';
import { keytabDirectory, keytabFrom } from '../support/services';
import * as subject from '../support/subject';

const { SERVICE } = subject;

const execute = promisify(execFile);

/** The machine is shared, and under a sanitizer slow. */
const SLOW = Number(process.env.KPASS_SLOW ?? 1);

/** ms for what should take no time. */
const SOON = 3_000;
/** And for what waits a second or two, beside many others that do. */
const WAITED = 10_000;

type Outcome = 'true' | 'credentials' | 'expired' | 'disabled' | 'policy' | `ERR_KPASS_${string}`;

interface Row {
  fault: string;
  outcome: Outcome | RegExp;
  /** Where libkrb5 carries the messages; default: the same. */
  libkrb5?: Outcome | RegExp;
  /** ms for all of it; default SOON, or WAITED for what waits */
  within?: number;
  /** Waits for the network, so is run beside others. */
  waits?: boolean;
  run: () => Promise<string>;
}

let realm: Realm;
let files = 0;

/** Of the row that runs. */
const transport = new AsyncLocalStorage<'kpass' | 'libkrb5'>();

function optionsFor(of: Realm, more: Partial<VerifierOptions> = {}): VerifierOptions {
  return subject.optionsFor(of, { transport: transport.getStore(), ...more });
}

/** A new path in the realm's folder. */
const path = (kind: string) => join(realm.folder, `fault-${++files}.${kind}`);

/** What a verification with the right password comes to, in one word. */
async function ask(more: Partial<VerifierOptions> = {}, user = 'alice'): Promise<string> {
  const verifier = new Verifier(optionsFor(realm, more));
  try {
    return await outcomeOf(verifier, user);
  } finally {
    verifier.close();
  }
}

function outcomeOf(verifier: Verifier, user = 'alice'): Promise<string> {
  return verifier.verify(user, 'wonderland').then(
    (verdict) => (verdict.verified ? 'true' : verdict.reason),
    (error) => error.code,
  );
}

/** Through a proxy that mistreats the messages so. */
const through =
  (mode: Mode, more: Partial<VerifierOptions> = {}) =>
  async () => {
    await using proxy = await FaultProxy.start(realm);
    await proxy.use(mode);
    return await ask({ config: proxy.config, ...more });
  };

/** The same by way of a TGT, which has a third exchange. */
const byTgt = (mode: Mode, more: Partial<VerifierOptions> = {}) =>
  through(mode, { canonicalize: true, ...more });

const withConfig = (text: string | Buffer) => async () => {
  const config = path('conf');
  await writeFile(config, text);
  return ask({ config });
};

const withKeytab = (bytes: string | Buffer) => async () =>
  ask({ keytab: await keytabFrom(realm, bytes) });

/** Against a server that is only the shell of one. */
const against = (serve: (client: Socket) => void) => async () => {
  await using server = await TcpImpersonator.start(realm, serve);
  return await ask({ config: server.config, timeout: 1_000 * SLOW });
};

const atClock = (clock: string, canonicalize: boolean) => async () => {
  await using elsewhen = await Realm.start({ clock, users: { alice: 'wonderland' } });
  const { config } = elsewhen;
  return await ask({ config, canonicalize, keytab: elsewhen.keytab(SERVICE) });
};

/** The proxy's ports refuse, from the reply to the n-th request on. */
async function goneAfter(n: number, canonicalize: boolean): Promise<string> {
  await using proxy = await FaultProxy.start(realm);
  await proxy.use((request) => {
    if (request.n > n) return 'reset';
    if (request.n < n) return 'pass';
    return {
      reply: (reply) => {
        setImmediate(() => void proxy.use('reset')); // when the reply is out
        return reply;
      },
    };
  });
  return await ask({ config: proxy.config, canonicalize });
}

/** Which outcomes there were, and that there were no others. */
function only(outcomes: readonly string[], ...allowed: Outcome[]): string {
  const others = outcomes.filter((outcome) => !allowed.includes(outcome as Outcome));
  return others.length > 0 ? [...new Set(others)].join(' ') : [...new Set(outcomes)].join(' ');
}

/** Runs a program, and gives back the last line that it prints. */
async function inChild(
  source: string,
  ending = '0 null',
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const program = `${CHILD} options.transport = '${transport.getStore()}'; ${source}`;
  const { code, signal, stdout, stderr } = await runProgram(realm, program, undefined, env);
  if (`${code} ${signal}` !== ending) return `${code} ${signal} ${stderr}`;
  return stdout.trim().split('\n').at(-1) ?? '';
}

const CHILD = `
const fs = require('node:fs');
const ask = (verifier) => verifier.verify('alice', 'wonderland')
  .then((v) => (v.verified ? 'true' : v.reason), (e) => e.code + ' ' + e.step);
const asNobody = () => {
  if (process.getuid() !== 0) return;
  process.setgroups([]); process.setgid(65534); process.setuid(65534);
};
`;

/** Lets a process of another user reach the realm's files. */
async function openToAll(...open: string[]): Promise<void> {
  for (const folder of [realm.folder, dirname(realm.folder)]) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) === 0) await chmod(folder, mode | 0o011);
  }
  await Promise.all([realm.config, ...open].map((file) => chmod(file, 0o644)));
}

/** A copy of the service's keytab that a child, whoever that runs as, may change and read. */
async function keytabForAnybody(): Promise<string> {
  const keytab = await realm.writeKeytab(SERVICE);
  await openToAll();
  if (process.getuid?.() === 0) await chown(keytab, 65534, 65534);
  return keytab;
}

const forgedErrors: readonly (readonly [number, Outcome, Outcome])[] = [
  // code, of the AS, of the TGS
  [0, 'ERR_KPASS_INTERNAL', 'ERR_KPASS_INTERNAL'],
  [1, 'disabled', 'disabled'],
  [6, 'credentials', 'credentials'],
  [7, 'ERR_KPASS_CONFIG', 'ERR_KPASS_CONFIG'],
  [12, 'policy', 'policy'],
  [14, 'ERR_KPASS_CONFIG', 'ERR_KPASS_CONFIG'],
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
  // libkrb5 adds this one to its table's base: 0, "no error", and a crash where a ticket should be.
  [1_765_328_384, 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
  // And this one: 2, which is ENOENT.
  [1_765_328_386, 'ERR_KPASS_KDC', 'ERR_KPASS_KDC'],
];

const errorRows: Row[] = forgedErrors.flatMap(([code, as, tgs]) => [
  { fault: `a forged error ${code} from the AS`, outcome: as, run: through({ error: code }) },
  {
    fault: `a forged error ${code} from the TGS`,
    outcome: tgs,
    run: byTgt(({ type }) => (type === 'TGS-REQ' ? { error: code } : 'pass')),
  },
]);

const networkRows: Row[] = [
  {
    fault: 'no KDC at the port',
    outcome: 'ERR_KPASS_KDC',
    run: async () => ask({ config: await realm.writeConfig({ kdcs: ['127.0.0.1:1'] }) }),
  },
  {
    fault: 'no KDC at the first of two addresses',
    outcome: 'true',
    run: async () => {
      const kdcs = ['127.0.0.1:1', `127.0.0.1:${realm.port}`];
      return ask({ config: await realm.writeConfig({ kdcs }) });
    },
  },
  {
    fault: 'a silent KDC at the first of two addresses',
    outcome: 'true',
    within: 8_000,
    waits: true,
    run: async () => {
      await using proxy = await FaultProxy.start(realm);
      await proxy.use('silent');
      const kdcs = [`127.0.0.1:${proxy.port}`, `127.0.0.1:${realm.port}`];
      return await ask({ config: await realm.writeConfig({ kdcs }) });
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
    fault: 'a forged error 29, on which libkrb5 goes on asking, until 1.22',
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
    run: async () => {
      let first: Buffer | undefined;
      return through({
        reply: (reply) => {
          first ??= reply;
          return first;
        },
      })();
    },
  },
  {
    fault: 'replies out of order: a ticket in place of the first',
    outcome: 'ERR_KPASS_KDC',
    run: async () => {
      await using proxy = await FaultProxy.start(realm);
      let last: Buffer | undefined;
      const keep = { reply: (reply: Buffer) => (last = reply) };
      await proxy.use(keep);
      assert.equal(await ask({ config: proxy.config }), 'true');
      await proxy.use({ reply: () => last ?? null });
      return await ask({ config: proxy.config });
    },
  },
  {
    fault: "another user's ticket",
    outcome: 'ERR_KPASS_KDC',
    run: () => swapped('bob', ({ n }) => (n === 2 ? 'swapped' : 'pass')),
  },
  {
    // Made with another salt, the key is a wrong one.
    fault: 'what another user is to make the key of',
    outcome: 'credentials',
    run: () => swapped('bob', ({ n }) => (n === 1 ? 'swapped' : 'pass')),
  },
  {
    fault: "the ticket of the same user's last login",
    outcome: 'ERR_KPASS_KDC',
    run: () => swapped('alice', ({ n }) => (n === 2 ? 'swapped' : 'pass')),
  },
  {
    fault: 'the reply of the TGS to another request',
    outcome: 'ERR_KPASS_UNVERIFIED',
    run: () => swapped('alice', ({ type }) => (type === 'TGS-REQ' ? 'swapped' : 'pass'), true),
  },
  {
    fault: 'a KDC that is gone between the two exchanges',
    outcome: 'ERR_KPASS_KDC',
    waits: true,
    run: () => goneAfter(1, false),
  },
  {
    fault: 'a KDC that is killed between the two exchanges, and soon back',
    outcome: 'true',
    waits: true,
    run: async () => {
      await using own = await Realm.start({ users: { alice: 'wonderland' } });
      await using proxy = await FaultProxy.start(own);
      let back: Promise<void> | undefined;
      await proxy.use(({ n }) => {
        if (n === 1 || back) return 'pass';
        back = own.stopKdc().then(() => own.startKdc());
        return 'drop';
      });
      const verifier = new Verifier(optionsFor(own, { config: proxy.config }));
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
    run: () => goneAfter(2, true),
  },
  {
    fault: 'a KDC that asks for 16,777,215 iterations; then the process exits',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: async () => {
      await using proxy = await FaultProxy.start(realm);
      await proxy.use(({ bytes }) => ({ reply: () => demandIterations(bytes, 0xffffff) }));
      const source = `
        const verifier = new Verifier({ ...options, config: '${proxy.config}', timeout: 700 });
        ask(verifier).then((outcome) => { console.log(outcome.split(' ')[0]); process.exit(7); });`;
      return await inChild(source, '7 null');
    },
  },
  {
    fault:
      'one that asks so of as many as take turns; a login at another KDC, and then the process exits',
    outcome: 'true',
    waits: true,
    run: async () => {
      await using proxy = await FaultProxy.start(realm);
      await proxy.use(({ bytes }) => ({ reply: () => demandIterations(bytes, 0xffffff) }));
      const source = `
        const hostile = new Verifier({ ...options, config: '${proxy.config}', timeout: 700 });
        const many = Array.from({ length: require('node:os').cpus().length + 1 }, () => ask(hostile));
        Promise.all(many)
          .then(() => ask(new Verifier(options)))
          .then((outcome) => { console.log(outcome); process.exit(7); });`;
      return await inChild(source, '7 null');
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
    fault: 'a message that comes a byte at a time, and never ends',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: against((client) => {
      client.write(Buffer.from([0, 0, 16, 0]));
      const drip = setInterval(() => client.write('k'), 50);
      client.on('close', () => clearInterval(drip));
    }),
  },
  {
    fault: 'a KDC restarted while 100 verifications are pending',
    outcome: /^(true|ERR_KPASS_KDC|true ERR_KPASS_KDC|ERR_KPASS_KDC true)$/,
    within: 15_000,
    waits: true,
    run: async () => {
      await using own = await Realm.start({ users: { alice: 'wonderland' } });
      const verifier = new Verifier(optionsFor(own));
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
    fault: 'a KDC that is down, and back',
    outcome: 'true',
    waits: true,
    within: 10_000,
    run: async () => {
      await using own = await Realm.start({ users: { alice: 'wonderland' } });
      const verifier = new Verifier(optionsFor(own));
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
    fault: 'a silent KDC that stalls every thread there can be, and is back',
    outcome: 'true',
    waits: true,
    within: 35_000,
    run: async () => {
      await using proxy = await FaultProxy.start(realm);
      await proxy.use('drop');
      const verifier = new Verifier(optionsFor(realm, { config: proxy.config, threads: 2 }));
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
    fault: 'a KDC by a name that DNS does not have',
    outcome: /^ERR_KPASS_(KDC|TIMEOUT)$/,
    within: 6_000,
    waits: true,
    run: async () => {
      const config = await realm.writeConfig({ kdcs: ['nonexistent.invalid:88'] });
      return await ask({ config, timeout: 3_000 });
    },
  },
  {
    fault: 'KDCs to be found by DNS, which has none',
    outcome: /^ERR_KPASS_(KDC|TIMEOUT)$/,
    within: 6_000,
    waits: true,
    run: async () => ask({ config: await configWithDns(), timeout: 3_000 }),
  },
  {
    fault: 'KDCs to be found by DNS, which says nothing; then the process exits',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: async () => {
      const mute = createSocket('udp4').bind(0, '127.0.0.1');
      await once(mute, 'listening');
      try {
        const env = await asCResolver(mute.address().port, realm.folder);
        return await exitWith('config', await configWithDns(), env);
      } finally {
        mute.close();
      }
    },
  },
];

const configWithDns = () =>
  realm.writeConfig({ kdcs: [], more: '[libdefaults]\ndns_lookup_kdc = true\n' });

/** After a login of another one, whose replies the proxy can give to this one. */
async function swapped(other: string, mode: Mode, canonicalize = false): Promise<string> {
  await using proxy = await FaultProxy.start(realm);
  const options = { config: proxy.config, canonicalize };
  assert.equal(await ask(options, other), 'true');
  proxy.reset();
  await proxy.use(mode);
  return await ask(options);
}

const configRows: Row[] = [
  {
    fault: 'krb5.conf missing',
    outcome: 'ERR_KPASS_CONFIG',
    run: () => ask({ config: path('conf') }),
  },
  {
    fault: 'krb5.conf unreadable',
    outcome: 'ERR_KPASS_CONFIG',
    run: async () => {
      const config = await realm.writeConfig();
      await chmod(config, 0);
      await openToAll();
      const source = `asNobody(); ask(new Verifier({ ...options, config: '${config}' }))
        .then((outcome) => console.log(outcome.split(' ')[0]));`;
      return inChild(source);
    },
  },
  {
    fault: 'krb5.conf a directory',
    outcome: 'ERR_KPASS_CONFIG',
    run: async () => ask({ config: await keytabDirectory(realm) }),
  },
  {
    fault: 'krb5.conf a loop of links',
    outcome: 'ERR_KPASS_CONFIG',
    run: async () => ask({ config: await linkToItself() }),
  },
  {
    fault: 'krb5.conf a FIFO; then the process exits',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: async () => exitWith('config', await fifo()),
  },
  { fault: 'krb5.conf empty', outcome: 'ERR_KPASS_CONFIG', run: withConfig('') },
  {
    fault: 'krb5.conf with a brace that is not closed',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig('[realms]\nEXAMPLE.COM = {\nkdc = 127.0.0.1\n'),
  },
  {
    fault: 'krb5.conf with a relation outside a section',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig('default_realm = EXAMPLE.COM\n'),
  },
  {
    fault: 'krb5.conf with a section that is not closed',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig('[libdefaults\ndefault_realm = EXAMPLE.COM\n'),
  },
  {
    fault: 'krb5.conf with noise in it',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig(Buffer.from('[libdefaults]\n\0\x01\xff{{{}}}\0 = =\n', 'latin1')),
  },
  {
    fault: 'krb5.conf that includes a file which is not there',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig('include /nonexistent/krb5.conf\n'),
  },
  {
    fault: 'no default realm, and none for the host',
    outcome: 'ERR_KPASS_CONFIG',
    run: withConfig('[libdefaults]\n'),
  },
  {
    fault: 'a default realm of which nothing is known',
    outcome: 'ERR_KPASS_KEYTAB',
    run: withConfig('[libdefaults]\ndefault_realm = NOWHERE\ndns_lookup_kdc = false\n'),
  },
  {
    fault: 'no encryption type in common with the KDC',
    outcome: 'ERR_KPASS_CONFIG',
    run: async () => {
      const more = '[libdefaults]\npermitted_enctypes = camellia256-cts-cmac\n';
      return ask({ config: await realm.writeConfig({ more }) });
    },
  },
  {
    fault: 'krb5.conf broken while running, and mended',
    outcome: 'true',
    run: async () => {
      const config = await realm.writeConfig();
      const good = await readFile(config);
      const verifier = new Verifier(optionsFor(realm, { config, threads: 1 }));
      assert.equal(await outcomeOf(verifier), 'true');
      await writeFile(config, '[libdefaults\n');
      assert.equal(await outcomeOf(verifier), 'ERR_KPASS_CONFIG');
      await rm(config);
      assert.equal(await outcomeOf(verifier), 'ERR_KPASS_CONFIG');
      await writeFile(config, good);
      return outcomeOf(verifier);
    },
  },
  {
    fault: 'permission to read krb5.conf withdrawn while running',
    outcome: /^true ERR_KPASS_CONFIG krb5.conf$/,
    run: async () => {
      const config = await realm.writeConfig();
      const keytab = await keytabForAnybody();
      await chmod(config, 0o644);
      if (process.getuid?.() === 0) await chown(config, 65534, 65534);
      return inChild(`asNobody();
        const verifier = new Verifier({ ...options, keytab: '${keytab}', config: '${config}' });
        ask(verifier).then(async (first) => {
          fs.chmodSync('${config}', 0);
          console.log(first, await ask(verifier));
        });`);
    },
  },
  {
    fault: 'krb5.conf replaced by another file while running',
    outcome: 'ERR_KPASS_KDC',
    run: async () => {
      const config = await realm.writeConfig();
      const verifier = new Verifier(optionsFor(realm, { config, threads: 1 }));
      assert.equal(await outcomeOf(verifier), 'true');
      await rename(await realm.writeConfig({ kdcs: ['127.0.0.1:1'] }), config);
      return outcomeOf(verifier);
    },
  },
  {
    fault: 'an included file changed while running, seen within a second',
    outcome: 'ERR_KPASS_KDC',
    waits: true,
    run: async () => {
      const included = await realm.writeConfig();
      const config = path('conf');
      await writeFile(config, `include ${included}\n`);
      const verifier = new Verifier(optionsFor(realm, { config, threads: 1 }));
      assert.equal(await outcomeOf(verifier), 'true');
      await rename(await realm.writeConfig({ kdcs: ['127.0.0.1:1'] }), included);
      const start = performance.now();
      let outcome = 'true';
      while (outcome === 'true' && performance.now() - start < 1_500 * SLOW) {
        outcome = await outcomeOf(verifier);
      }
      return outcome;
    },
  },
];

const keytabRows: Row[] = [
  {
    fault: 'the keytab rotated while running: another file in its place',
    outcome: 'true',
    run: () => rotated((from, to) => rename(from, to)),
  },
  {
    fault: 'the keytab rotated while running: rewritten in place',
    outcome: 'true',
    run: () => rotated(async (from, to) => writeFile(to, await readFile(from))),
  },
  {
    fault: 'the keytab replaced by a directory while running',
    outcome: 'ERR_KPASS_KEYTAB',
    run: () => spoiled((keytab) => rm(keytab).then(() => mkdir(keytab))),
  },
  {
    fault: 'the keytab removed while running',
    outcome: 'ERR_KPASS_KEYTAB',
    run: () => spoiled((keytab) => rm(keytab)),
  },
  {
    fault: 'the keytab emptied while running',
    outcome: 'ERR_KPASS_KEYTAB',
    run: () => spoiled((keytab) => writeFile(keytab, '')),
  },
  {
    fault: 'permission to read the keytab withdrawn while running',
    outcome: /^true ERR_KPASS_KEYTAB krb5_kt_get_entry$/,
    run: async () => {
      const keytab = await keytabForAnybody();
      const source = `asNobody();
        const verifier = new Verifier({ ...options, keytab: '${keytab}' });
        ask(verifier).then(async (first) => {
          fs.chmodSync('${keytab}', 0);
          console.log(first, await ask(verifier));
        });`;
      return inChild(source);
    },
  },
  {
    fault: 'a keytab that a full disk cut short, anywhere',
    outcome: /^ERR_KPASS_KEYTAB( ERR_KPASS_UNVERIFIED)?( true)?$/,
    within: 20_000,
    run: async () => {
      const whole = await readFile(realm.keytab(SERVICE));
      const keytab = path('keytab');
      const verifier = new Verifier(optionsFor(realm, { keytab }));
      const outcomes: string[] = [];
      for (let size = 0; size < whole.length; size++) {
        await writeFile(keytab, whole.subarray(0, size), { mode: 0o600 });
        outcomes.push(await outcomeOf(verifier));
      }
      return only(outcomes, 'ERR_KPASS_KEYTAB', 'ERR_KPASS_UNVERIFIED', 'true');
    },
  },
  {
    fault: 'a keytab of which a full disk kept the size and not the bytes',
    outcome: 'ERR_KPASS_KEYTAB',
    run: async () => {
      const { length } = await readFile(realm.keytab(SERVICE));
      return withKeytab(Buffer.alloc(length))();
    },
  },
  {
    fault: 'a keytab of which a full disk kept the head and not the keys',
    outcome: 'ERR_KPASS_UNVERIFIED',
    run: async () => {
      const bytes = await readFile(realm.keytab(SERVICE));
      return withKeytab(Buffer.from(bytes).fill(0, 60))();
    },
  },
  {
    fault: '/dev/full for a keytab, which reads as zeros without end',
    outcome: 'ERR_KPASS_KEYTAB',
    run: () => ask({ keytab: '/dev/full' }),
  },
  {
    fault: '/dev/null for a keytab',
    outcome: 'ERR_KPASS_KEYTAB',
    run: () => ask({ keytab: '/dev/null' }),
  },
  {
    fault: 'a FIFO for a keytab; then the process exits',
    outcome: 'ERR_KPASS_TIMEOUT',
    waits: true,
    run: async () => exitWith('keytab', await fifo()),
  },
  {
    fault: 'a loop of links for a keytab',
    outcome: 'ERR_KPASS_KEYTAB',
    run: async () => ask({ keytab: await linkToItself() }),
  },
  {
    fault: 'a keytab below a file',
    outcome: 'ERR_KPASS_KEYTAB',
    run: () => ask({ keytab: `${realm.keytab(SERVICE)}/keytab` }),
  },
  {
    fault: 'a keytab with a name longer than any',
    outcome: 'ERR_KPASS_KEYTAB',
    run: () => ask({ keytab: `/${'k'.repeat(5_000)}` }),
  },
  {
    fault: 'a keytab of 5 MB, the right key at its end',
    outcome: 'true',
    within: 20_000,
    waits: true,
    run: async () => {
      const whole = await readFile(realm.keytab(SERVICE));
      // The same entries under another name come first.
      const others = Buffer.from(
        whole.subarray(2).toString('latin1').replaceAll('HTTP', 'HTTQ'),
        'latin1',
      );
      const copies = Array<Buffer>(Math.ceil(5_000_000 / others.length)).fill(others);
      return withKeytab(Buffer.concat([whole.subarray(0, 2), ...copies, whole.subarray(2)]))();
    },
  },
  ...[0x7fffffff, -0x80000000, -1, 1].map((size): Row => {
    const entry = Buffer.alloc(64, 0xff);
    entry.writeUInt16BE(0x0502);
    entry.writeInt32BE(size, 2);
    const fault = `a keytab with an entry that says its size is ${size}`;
    return { fault, outcome: 'ERR_KPASS_KEYTAB', run: withKeytab(entry) };
  }),
];

/** The service gets a new key; its keytab, in use, the new one by `put`. */
async function rotated(put: (from: string, to: string) => Promise<void>): Promise<string> {
  const service = `rotated${++files}`;
  await realm.addService(`${service}/localhost`);
  const keytab = realm.keytab(`${service}/localhost`);
  const verifier = new Verifier(optionsFor(realm, { service, keytab, threads: 1 }));
  assert.equal(await outcomeOf(verifier), 'true');
  await realm.rotateKey(`${service}/localhost`);
  assert.equal(await outcomeOf(verifier), 'ERR_KPASS_KEYTAB');
  await put(await realm.writeKeytab(`${service}/localhost`), keytab);
  return outcomeOf(verifier);
}

/** After something has been done to a keytab in use. */
async function spoiled(spoil: (keytab: string) => Promise<void>): Promise<string> {
  const keytab = await realm.writeKeytab(SERVICE);
  const verifier = new Verifier(optionsFor(realm, { keytab, threads: 1 }));
  assert.equal(await outcomeOf(verifier), 'true');
  await spoil(keytab);
  return outcomeOf(verifier);
}

async function fifo(): Promise<string> {
  const name = path('fifo');
  await execute('mkfifo', ['-m', '600', name]);
  return name;
}

async function linkToItself(): Promise<string> {
  const name = path('link');
  await symlink(name, name);
  return name;
}

/** In a child that asks with one option changed, and exits while a thread still waits. */
function exitWith(
  option: 'config' | 'keytab',
  value: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const source = `
    ask(new Verifier({ ...options, ${option}: '${value}', timeout: 300 }))
      .then((outcome) => { console.log(outcome.split(' ')[0]); process.exit(7); });`;
  return inChild(source, '7 null', env);
}

const systemRows: Row[] = [
  {
    fault: 'file descriptors exhausted; then free, one by one',
    outcome: /^ERR_KPASS_INTERNAL( ERR_KPASS_KDC)? true$/,
    within: 15_000,
    waits: true,
    run: () =>
      inChild(`
        const { execFileSync } = require('node:child_process');
        execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=80:']);
        (async () => {
          await ask(new Verifier(options));
          const held = [];
          try { for (;;) held.push(fs.openSync('/dev/null')); } catch {}
          const outcomes = new Set();
          for (let free = 0; free < 12; free++) {
            outcomes.add((await ask(new Verifier(options))).split(' ')[0]);
            fs.closeSync(held.pop());
          }
          console.log(...outcomes);
        })();`),
  },
  {
    fault: 'threads refused by the system; then granted again',
    outcome: /^ERR_KPASS_INTERNAL pthread_create, true$/,
    within: 10_000,
    waits: true,
    run: async () => {
      const keytab = await keytabForAnybody();
      return inChild(`
        asNobody();
        const [, most] = /^Max processes +(\\d+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'));
        const shell = require('node:child_process').spawn('sh', { stdio: ['pipe', 'pipe', 'inherit'] });
        const limit = (n) => new Promise((resolve) => {
          shell.stdout.once('data', resolve);
          shell.stdin.write('prlimit --pid ' + process.pid + ' --nproc=' + n + ': && echo done\\n');
        });
        (async () => {
          const verifier = new Verifier({ ...options, keytab: '${keytab}' });
          await limit(1);
          const refused = await ask(verifier);
          await limit(most);
          console.log(refused + ', ' + (await ask(verifier)));
          process.exit();
        })();`);
    },
  },
];

const overTheNetwork = [...networkRows, ...errorRows, ...systemRows];
const rows = [...overTheNetwork, ...configRows, ...keytabRows];

const SUITES = [
  { carrier: 'kpass', rows },
  {
    carrier: 'libkrb5',
    rows: overTheNetwork.map(({ libkrb5, ...row }) => ({
      ...row,
      outcome: libkrb5 ?? row.outcome,
    })),
  },
] as const;

for (const { carrier, rows } of SUITES) {
  describe(`faults, where ${carrier} carries the messages`, function () {
    this.timeout(60_000 * SLOW);
    const running = new Map<Row, Promise<{ outcome: string; ms: number }>>();

    before(async () => {
      realm = await Realm.start({ users: { alice: 'wonderland', bob: 'wonderland' } });
      for (const row of rows) if (row.waits) running.set(row, timed(row));
    });
    after(async () => {
      await Promise.allSettled(running.values());
      await realm?.stop();
    });

    async function timed({ run }: Row): Promise<{ outcome: string; ms: number }> {
      const start = performance.now();
      const outcome = await transport.run(carrier, run).catch((error) => `${error}`);
      return { outcome, ms: performance.now() - start };
    }

    it('has at least 40 rows, each another fault', () => {
      assert(rows.length >= 40);
      assert.equal(new Set(rows.map(({ fault }) => fault)).size, rows.length);
    });

    for (const row of rows) {
      const { fault, outcome: expected } = row;
      it(`${fault}: ${expected instanceof RegExp ? expected.source : expected}`, async () => {
        const { outcome, ms } = await (running.get(row) ?? timed(row));
        if (expected instanceof RegExp) assert.match(outcome, expected);
        else assert.equal(outcome, expected);
        const within = row.within ?? (row.waits ? WAITED : SOON);
        assert(ms < within * SLOW, `${ms} ms`);
      });
    }
  });
}
