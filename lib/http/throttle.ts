// Keeps strangers from locking an account of the realm through this server. It stops asking the KDC
// before the KDC's own count reaches its limit.
//
// A KDC counts wrong passwords in a row, and forgets them if none comes for a while. The throttle does
// the same. It must never count fewer than the KDC. So names that may be one account at the KDC are one
// account here, an attempt counts before its password leaves, and a flood of other names makes the
// throttle forget none.
//
// The policy is here. The counts are in a store: memory-store.ts, or one that many processes share.

import { randomBytes } from 'node:crypto';
import { mayBeCounted } from '../counted.js';
import { KpassError } from '../errors.js';
import { RemoteStore } from '../remote-store.js';
import type { Attempt, End, Reservation, Terms } from '../throttle-store.js';
import type { Verdict } from '../verdict.js';
import { accountName } from './account-name.js';
import { now } from './clock.js';
import { digestOf, hmacOf, keyFor } from './digest.js';
import { MemoryStore } from './memory-store.js';
import type { ThrottleOptions } from './throttle-options.js';
import { Turns } from './turns.js';

const DENIED: Verdict = { verified: false, reason: 'credentials' };

/** For each name, the most requests that wait for the verdict on another password. */
const MOST_WAITING = 1_024;

/**
 * 131,072 accounts. They suffice for the names of a flood in one window, and bound the memory: no
 * account is ever dropped to make room. If two names share a number, the throttle refuses too early,
 * never too late. The number is an HMAC, so nobody can choose two such names.
 */
const ACCOUNT_BITS = 17;

/** Bytes of HMACs. */
const DIGEST_BYTES = 16;
const NAME_BYTES = 6;

/** ms that a reservation outlasts the verification. */
const LEASE_MARGIN = 2_000;

/** ms for which a store that failed is not asked, where memory stands in for it. */
const AWAY = 1_000;

/** This process's requests for one account. */
interface Requests {
  /** All of them. */
  count: number;
  /** Verifications in progress. Each may end as a refusal. */
  readonly pending: Set<Promise<Verdict>>;
  readonly turns: Turns;
  /** Those that wait for a reservation. */
  waiting: number;
}

interface Answer {
  readonly reservation: Reservation;
  /** The store that gave it. */
  readonly store: MemoryStore | RemoteStore;
}

export interface ThrottleListener {
  /** The throttle refused a password. `account` is an HMAC. */
  throttled(account: string): void;
  /** The store failed, and the request does not end with this error. */
  failed(error: unknown): void;
}

const NOBODY: ThrottleListener = { throttled() {}, failed() {} };

export class Throttle {
  readonly stats = { throttled: 0, waiting: 0, storeFailed: 0 };
  readonly #terms: Terms;
  readonly #timeout: number;
  readonly #memory = new MemoryStore();
  readonly #store: MemoryStore | RemoteStore;
  readonly #fallback: boolean;
  readonly #listener: ThrottleListener;
  readonly #keys;
  readonly #tag: string;
  readonly #requests = new Map<string, Requests>();
  /** Ends that are on their way to the store. */
  readonly #settling = new Set<Promise<void>>();
  #awayUntil = 0;
  #closed: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /** `timeout`: ms for one verification. */
  constructor(options: ThrottleOptions, timeout = 10_000, listener = NOBODY) {
    const { attempts, window, store, secret, fallback } = options;
    this.#terms = { attempts, window, lease: timeout + LEASE_MARGIN };
    this.#timeout = timeout;
    this.#store = store === undefined ? this.#memory : new RemoteStore(store);
    this.#fallback = fallback === 'memory';
    this.#listener = listener;
    const key = (purpose: string) => keyFor(purpose, secret);
    this.#keys = { account: key('account'), digest: key('digest'), name: key('name') };
    // Processes with different secrets share no accounts: their numbers would not mean the same names.
    this.#tag = hmacOf('tag', key('tag')).toString('base64url', 0, NAME_BYTES);
  }

  /**
   * The verdict of `ask`. Does not call `ask`, but denies, if the KDC has already refused this password,
   * or too many passwords. May wait for pending verifications of the same account first. Rejects with
   * the error of `ask`, with that of a verification for which it waited, with ERR_KPASS_BUSY after a
   * wait of `timeout`, or with ERR_KPASS_STORE.
   */
  async verify(
    user: string,
    password: string | Uint8Array,
    ask: () => Promise<Verdict>,
  ): Promise<Verdict> {
    const account = this.#accountOf(user);
    const attempt = this.#attempt(user, password);
    const requests = this.#requestsFor(account);
    requests.count++;
    try {
      const until = now() + this.#timeout;
      let answer = this.#reserve(account, attempt);
      // The memory's answer comes at once.
      if (answer instanceof Promise) answer = await answer;
      const { reservation, store } =
        answer.reservation === 'wait'
          ? await this.#wait(requests, until, account, attempt)
          : answer;
      if (reservation === 'granted') {
        return await this.#ask(requests, ask, (end) => this.#settle(store, account, attempt, end));
      }
      this.stats.throttled++;
      this.#listener.throttled(account);
      return DENIED;
    } finally {
      if (--requests.count === 0) this.#requests.delete(account);
      this.#tellIdle();
    }
  }

  /** Forgets the wrong passwords of a user. Rejects with ERR_KPASS_STORE. */
  async forgive(user: string): Promise<void> {
    const account = this.#accountOf(user);
    this.#memory.forget(account);
    await this.#store.forget(account);
  }

  /** Rejects with ERR_KPASS_STORE if the store does not answer. */
  async probe(): Promise<void> {
    const account = `${this.#tag}:probe`;
    const attempt = this.#attempt('', '');
    await this.#store.reserve(account, attempt, this.#terms);
    await this.#store.settle(account, attempt, 'none', this.#terms);
  }

  /** Whether the counts are in a store of the operator's. */
  get isShared(): boolean {
    return this.#store !== this.#memory;
  }

  /** How many accounts this process's memory counts. */
  get size(): number {
    return this.#memory.size;
  }

  /** Waits until all requests have ended and the store knows their ends. Then forgets the memory. */
  close(): Promise<void> {
    this.#closed ??= new Promise<void>((resolve) => {
      this.#idle = resolve;
      this.#tellIdle();
    }).then(() => this.#memory.clear());
    return this.#closed;
  }

  #tellIdle(): void {
    if (this.#requests.size + this.#settling.size === 0) this.#idle?.();
  }

  #accountOf(user: string): string {
    const number = hmacOf(accountName(user), this.#keys.account).readUInt32BE();
    return `${this.#tag}:${(number >>> (32 - ACCOUNT_BITS)).toString(36)}`;
  }

  #attempt(user: string, password: string | Uint8Array): Attempt {
    const digest = digestOf(user, password, this.#keys.digest);
    return {
      id: randomBytes(DIGEST_BYTES).toString('base64url'),
      digest: Buffer.from(digest, 'binary').toString('base64url', 0, DIGEST_BYTES),
      name: hmacOf(user, this.#keys.name).toString('base64url', 0, NAME_BYTES),
    };
  }

  #requestsFor(account: string): Requests {
    let requests = this.#requests.get(account);
    if (requests === undefined) {
      requests = { count: 0, pending: new Set(), turns: new Turns(), waiting: 0 };
      this.#requests.set(account, requests);
    }
    return requests;
  }

  async #ask(
    { pending }: Requests,
    ask: () => Promise<Verdict>,
    settle: (end: End) => void,
  ): Promise<Verdict> {
    let verification: Promise<Verdict> | undefined;
    try {
      verification = ask();
      pending.add(verification);
      const verdict = await verification;
      settle(endOf(verdict));
      return verdict;
    } catch (error) {
      // Without an answer the KDC may have counted the password. Then the reservation stays: it counts.
      if (!mayBeCounted(error)) settle('none');
      throw error;
    } finally {
      if (verification !== undefined) pending.delete(verification);
    }
  }

  /** Waits until the account's pending attempts have decided. */
  async #wait(
    requests: Requests,
    until: number,
    account: string,
    attempt: Attempt,
  ): Promise<Answer> {
    if (requests.waiting >= MOST_WAITING) {
      throw busy('too many different passwords of one user at once');
    }
    const { pending, turns } = requests;
    let turn = false;
    requests.waiting++;
    this.stats.waiting++;
    try {
      for (;;) {
        if (pending.size === 0) turn = await turns.take(until, turn);
        else {
          if (turn) turns.end();
          turn = false;
          await Promise.race(pending);
        }
        if (now() >= until) throw busy('other passwords of the same user were still pending');
        const answer = await this.#reserve(account, attempt);
        if (answer.reservation !== 'wait') return answer;
      }
    } finally {
      requests.waiting--;
      this.stats.waiting--;
      if (turn) turns.end();
    }
  }

  #reserve(account: string, attempt: Attempt): Answer | Promise<Answer> {
    const store = this.#store;
    if (store instanceof RemoteStore && now() >= this.#awayUntil) {
      return this.#reserveIn(store, account, attempt);
    }
    return this.#reserveInMemory(account, attempt);
  }

  async #reserveIn(store: RemoteStore, account: string, attempt: Attempt): Promise<Answer> {
    try {
      return { reservation: await store.reserve(account, attempt, this.#terms), store };
    } catch (error) {
      this.stats.storeFailed++;
      if (!this.#fallback) throw error;
      this.#awayUntil = now() + AWAY;
      this.#listener.failed(error);
      return this.#reserveInMemory(account, attempt);
    }
  }

  #reserveInMemory(account: string, attempt: Attempt): Answer {
    const store = this.#memory;
    return { reservation: store.reserve(account, attempt, this.#terms), store };
  }

  /** The request does not wait for a store to settle: the attempt counts until then. */
  #settle(store: MemoryStore | RemoteStore, account: string, attempt: Attempt, end: End): void {
    const settled = store.settle(account, attempt, end, this.#terms);
    if (settled === undefined) return;
    const settling = settled
      .catch((error: unknown) => {
        this.stats.storeFailed++;
        this.#listener.failed(error);
      })
      .finally(() => {
        this.#settling.delete(settling);
        this.#tellIdle();
      });
    this.#settling.add(settling);
  }
}

/** Only wrong credentials count: a KDC denies for other reasons whatever the password is. */
function endOf(verdict: Verdict): End {
  if (verdict.verified) return 'right';
  return verdict.reason === 'credentials' ? 'wrong' : 'none';
}

function busy(message: string): KpassError {
  return new KpassError('ERR_KPASS_BUSY', message, { step: 'throttle' });
}
