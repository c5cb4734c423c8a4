// Many processes that guess passwords of one account through the throttle of kpass/http, with one store.
// Processes and the store are killed. A KDC that answers late and out of order counts.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Verdict } from 'kpass';
import { RedisServer } from './redis';

/** ms after the last wrong password until the KDC forgets. */
const WINDOW = 900;
/** ms for a process to get a grant, and for its password to get to the KDC. Both are in the lease. */
const GRANT_WITHIN = 150;
const ARRIVES_WITHIN = 200;
const LEASE = 400;
/** The most ms from a password's arrival to the KDC's count, and from there to the answer. */
const LATE = 80;
/** Processes that are ready to take the place of one that was killed. */
const SPARES = 2;
/** The share of answers that are lost. */
const LOST = 0.02;

export interface Storm {
  attempts: number;
  processes: number;
  /** Guesses at once in each process. */
  lanes: number;
  /** The share of right passwords. */
  right: number;
  /** How many processes are killed, each while a password of its own is on its way to the KDC. */
  kills: number;
  /** How often the store is killed meanwhile. */
  storeKills: number;
  /** Passwords that take longer to the KDC and back than the others; default: all take as long. */
  slow?: 'right' | 'wrong';
  /** How long the run takes at least, in s; default: as long as the kills take. */
  seconds?: number;
  /** A part of the script, and what replaces it. The run ends when the KDC has counted too many. */
  breakage?: readonly [part: string, replacement: string];
}

export interface Weathered {
  /** The most wrong passwords in a row that the KDC counted. */
  highest: number;
  /** Passwords that reached the KDC, and calls of the throttle that had an end. */
  reached: number;
  ended: number;
  killed: number;
}

interface Message {
  id: number;
  password: string;
  at: number;
  ended?: boolean;
}

/** Counts wrong passwords in a row, and forgets them WINDOW after the last. */
class FakeKdc {
  highest = 0;
  reached = 0;
  readonly #slow: Storm['slow'];
  #count = 0;
  #last = Number.NEGATIVE_INFINITY;

  constructor(slow: Storm['slow']) {
    this.#slow = slow;
  }

  /** So the KDC counts in another order than that of its answers. */
  async #delay(isRight: boolean): Promise<void> {
    const isSlow = (isRight ? 'right' : 'wrong') === this.#slow;
    const factor = this.#slow === undefined ? 1 : isSlow ? 2 : 0.2;
    await sleep(Math.random() * factor * LATE);
  }

  async judge({ password, at }: Message): Promise<Verdict | null> {
    const isRight = password === 'right';
    await this.#delay(isRight);
    // A network drops what is that late. (This process may be, on a machine with other work.)
    if (Date.now() - at > ARRIVES_WITHIN) return null;
    this.reached++;
    const now = performance.now();
    if (now - this.#last >= WINDOW) this.#count = 0;
    if (isRight) this.#count = 0;
    else {
      this.#count++;
      this.#last = now;
      this.highest = Math.max(this.highest, this.#count);
    }
    await this.#delay(isRight);
    if (Math.random() < LOST) return null;
    return isRight
      ? { verified: true, principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' }
      : { verified: false, reason: 'credentials' };
  }
}

/** A process that guesses, or waits to be told to. */
class Guesser {
  /** Its passwords that the KDC has not answered. */
  inFlight = 0;
  ended = 0;
  readonly #child: ChildProcess;

  constructor(settings: string, kdc: FakeKdc) {
    const child = fork(join(__dirname, 'throttle-process.cjs'), [settings], { execArgv: [] });
    this.#child = child;
    child.on('error', () => {}); // It was killed while it was told a verdict.
    child.on('message', async (message: Message) => {
      if (message.ended) {
        this.ended++;
        return;
      }
      this.inFlight++;
      const verdict = await kdc.judge(message);
      this.inFlight--;
      if (verdict !== null && child.connected) child.send({ id: message.id, verdict }, () => {});
    });
  }

  begin(): void {
    this.#child.send({ begin: true }, () => {});
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null) throw new Error('a process ended by itself');
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

export async function weather(storm: Storm): Promise<Weathered> {
  // Nothing that was written is lost with the server.
  await using server = await RedisServer.start({ options: ['--appendfsync', 'always'] });
  const kdc = new FakeKdc(storm.slow);
  const { attempts, lanes, right, breakage, kills } = storm;
  const settings = JSON.stringify({
    port: server.port,
    window: WINDOW,
    lease: LEASE,
    grantWithin: GRANT_WITHIN,
    answerWithin: ARRIVES_WITHIN + 2 * LATE,
    attempts,
    lanes,
    right,
    breakage,
  });
  const all: Guesser[] = [];
  const make = () => {
    const guesser = new Guesser(settings, kdc);
    all.push(guesser);
    return guesser;
  };
  const spares = Array.from({ length: SPARES }, make);
  const running = new Set(Array.from({ length: storm.processes }, make));
  for (const each of running) each.begin();

  const isBroken = () => breakage !== undefined && kdc.highest > attempts;
  let killed = 0;
  try {
    const end = performance.now() + (storm.seconds ?? 0) * 1_000;
    while (!isBroken() && (killed < kills || performance.now() < end)) {
      await sleep(10);
      const victim = [...running].find(({ inFlight }) => inFlight > 0);
      if (victim === undefined || killed === kills) continue;
      running.delete(victim);
      await victim.kill();
      const next = spares.shift() ?? make();
      next.begin();
      running.add(next);
      spares.push(make());
      killed++;
      // Some are left in peace, to settle what they reserved.
      await sleep(Math.random() * 2 * WINDOW);
      if (killed % Math.ceil(kills / (storm.storeKills + 1)) === 0) await server.restart();
    }
    await sleep(LEASE + WINDOW);
  } finally {
    await Promise.all([...running, ...spares].map((each) => each.kill()));
  }
  const ended = all.reduce((sum, each) => sum + each.ended, 0);
  return { highest: kdc.highest, reached: kdc.reached, ended, killed };
}
