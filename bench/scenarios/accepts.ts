// Logins by ticket: the CPU time of an accept, its time while logins by password hang at a silent KDC,
// and the memory that accepts leave behind. All tokens are of one ticket of the KDC's, as a browser's are,
// and each is for one accept. They are made before the time is measured.

import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Realm } from 'kpass/testing';
import { readCredentials } from '../../lib/testing/credential-cache';
import { makeToken } from '../../lib/testing/token';
import type { Accepts, Task } from '../accepting';
import type { Scenario } from '../bench';
import { SERVICE, USER } from '../callers';
import { type Figures, medianOf, quantile, ratio } from '../figures';
import { figuresOf, interleave } from '../loops';
import { Network } from '../network';

const SUBJECTS = ['kpass', 'npm kerberos'] as const;
type Subject = (typeof SUBJECTS)[number];

const LOGINS = 32;
const PATIENCE = 3_000;
/** kpass remembers as many tokens. Only then does it forget the oldest for each new one. */
const REMEMBERED = 100_000;
const CHUNK = 5_000;

export const accepts: Scenario = async function* ({ realm, quick }) {
  const tokens = await tokensOf(realm);

  for (const atOnce of [1, 16]) {
    const programs = new Map<Subject, Program>();
    // See cpu.ts: a round must be long compared with what a program does once after it has slept.
    const count = quick ? 500 : 3_000;
    const results = await interleave(SUBJECTS, quick ? 7 : 15, async (subject) => {
      let program = programs.get(subject);
      if (program === undefined) {
        program = new Program(realm, subject, realm.config);
        programs.set(subject, program);
        await program.accept(tokens(count), atOnce); // a warm-up
      }
      return (await program.accept(tokens(count), atOnce)).cpu;
    });
    for (const program of programs.values()) program.stop();
    const what = `CPU of an accept, ${atOnce} at once`;
    const figures = figuresOf(results, (its) => its);
    yield { id: `accept-${atOnce}`, what, unit: 'µs', figures };
    yield {
      id: `accept-${atOnce}-ratio`,
      what: `${what}: kpass over npm kerberos`,
      unit: '×',
      value: ratio(figures.kpass, figures['npm kerberos']),
      most: 1 / 3,
    };
  }

  yield* hanging(realm, tokens, quick);
  if (!quick) yield* growth(realm, tokens);
};

type Tokens = (count: number) => string[];

async function tokensOf(realm: Realm): Promise<Tokens> {
  const cache = await realm.ticket(USER);
  const env = { ...process.env, KRB5_CONFIG: realm.config };
  execFileSync('kvno', ['-c', cache, SERVICE], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ticket = readCredentials(await readFile(cache)).at(-1);
  if (ticket === undefined) throw new Error('no ticket');
  return (count) => Array.from({ length: count }, () => makeToken(ticket, {}).toString('base64'));
}

type Part = (realm: Realm, tokens: Tokens, quick?: boolean) => ReturnType<Scenario>;

/** One accept after another, with no logins and with logins at a silent KDC. */
const hanging: Part = async function* (realm, tokens, quick) {
  await using network = await Network.start(realm);
  await network.silence();
  const config = await realm.writeConfig({ kdcs: [network.kdc] });
  const results = await interleave(SUBJECTS, quick ? 1 : 3, async (subject) => {
    const program = new Program(realm, subject, config);
    try {
      await program.accept(tokens(100), 1);
      const idle = await program.accept(tokens(300), 1);
      await program.ask({ name: 'hang', logins: LOGINS });
      const busy = await Promise.race([program.accept(tokens(300), 1), patience()]);
      return { idle: quantile(idle.times, 0.99), busy: quantile(busy.times, 0.99) };
    } finally {
      program.stop();
    }
  });
  const what = 'an accept, p99';
  const row = (id: string, load: string, figures: Figures) =>
    ({ id, what: `${what}, ${load}`, unit: 'ms', figures, limit: PATIENCE }) as const;
  const idle = figuresOf(results, (its) => its.idle);
  const busy = figuresOf(results, (its) => its.busy);
  const load = `${LOGINS} logins, KDC silent`;
  yield row('accept-idle', 'idle', idle);
  yield row('accept-busy', load, busy);
  yield {
    id: 'accept-added',
    what: `${what}, ${load}: over the idle one`,
    unit: 'ms',
    value: medianOf(busy, 'kpass') - medianOf(idle, 'kpass'),
    most: 5,
  };
};

async function patience(): Promise<Accepts> {
  await new Promise((resolve) => setTimeout(resolve, PATIENCE).unref());
  return { cpu: Number.NaN, times: [PATIENCE] };
}

const growth: Part = async function* (realm, tokens) {
  // By default glibc makes many arenas, and each keeps the most memory that it ever needed.
  const program = new Program(realm, 'kpass', realm.config, { MALLOC_ARENA_MAX: '1' });
  const acceptMany = async () => {
    for (let i = 0; i < REMEMBERED; i += CHUNK) await program.accept(tokens(CHUNK), 16);
    return (await program.ask({ name: 'measure' })) as number;
  };
  const before = await acceptMany();
  const after = await acceptMany();
  program.stop();
  yield {
    id: 'accept-growth',
    what: `memory gained by ${REMEMBERED.toLocaleString('en')} accepts, after as many`,
    unit: 'MB',
    value: (after - before) / 1e6,
    most: 2,
  };
};

class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  constructor(realm: Realm, subject: Subject, config: string, more: NodeJS.ProcessEnv = {}) {
    const KEYTAB = realm.keytab(SERVICE);
    this.#child = fork(join(__dirname, '../accepting.ts'), [subject], {
      execArgv: ['--import', 'tsx', '--expose-gc'],
      env: {
        ...process.env,
        KRB5_CONFIG: config,
        KEYTAB,
        KRB5_KTNAME: KEYTAB,
        // MIT's replay cache would be a file in /var/tmp.
        KRB5RCACHEDIR: realm.folder,
        ...more,
      },
    });
    this.#ended = once(this.#child, 'exit').then(() => {
      throw new Error(`${subject} ended`);
    });
    this.#ended.catch(() => {}); // `ask` handles it
  }

  async ask(task: Task): Promise<unknown> {
    const answer = once(this.#child, 'message');
    this.#child.send(task);
    return (await Promise.race([answer, this.#ended]))[0];
  }

  async accept(tokens: string[], atOnce: number): Promise<Accepts> {
    return (await this.ask({ name: 'accept', tokens, atOnce })) as Accepts;
  }

  /** Even while libuv's threads hang. */
  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
