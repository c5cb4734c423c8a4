// Keeps strangers from locking an account of the realm through this server. It stops asking the KDC
// before the KDC's own count reaches its limit.
//
// A KDC counts wrong passwords in a row, and forgets them if none comes for a while. The throttle does
// the same. It must never count fewer than the KDC. So names that may be one account at the KDC are one
// account here, a pending verification already counts, and a flood of other names makes it forget none.

import timers from 'node:timers';
import { KpassError } from '../errors.js';
import type { Verdict } from '../verdict.js';
import { accountName } from './account-name.js';
import { now } from './clock.js';
import { numberOf } from './digest.js';
import type { ThrottleOptions } from './options.js';

const DENIED: Verdict = { verified: false, reason: 'credentials' };

/** For each name, the most requests that wait for the verdict on another password. */
const MOST_WAITING = 1_024;

/** 131,072 counters. They suffice for the names of a flood in one window. */
const COUNTER_BITS = 17;

/** Bits of a number that stands for a name as it was typed. */
const NAME_BITS = 32;

/** Taken now, before a test can replace it by a timer that never fires. */
const { setTimeout } = timers;

/** A password that the KDC has refused. */
interface Refusal {
  /** Stands for the name as it was typed. */
  readonly typed: number;
  /** When, in the throttle's own steps. */
  readonly at: number;
}

interface Account {
  /** By the digest of name and password. */
  readonly wrong: Map<string, Refusal>;
  /** The time of the last refusal. */
  last: number;
  /** Pending verifications. Each may end as a refusal. */
  readonly pending: Set<Promise<Verdict>>;
  /** Requests that wait for one of them. */
  waiting: number;
}

export class Throttle {
  readonly #attempts: number;
  readonly #window: number;
  // The key is a number of COUNTER_BITS bits. So memory is bounded, and no account is ever dropped to
  // make room. If two names share a number, the throttle refuses too early, never too late. The
  // number is an HMAC, so nobody can choose two such names.
  //
  // In the order of the last refusals: the oldest are at the front, and are forgotten first.
  readonly #accounts = new Map<number, Account>();
  /** Counts the beginnings of verifications, and the refusals, in their order. */
  #step = 0;
  #sweeping = false;

  constructor({ attempts, window }: ThrottleOptions) {
    this.#attempts = attempts;
    this.#window = window;
  }

  /**
   * The verdict of `verify`. Does not call `verify`, but denies, if the KDC has already refused this
   * password, or too many passwords. May wait for pending verifications of the same account first.
   * Rejects with the error of `verify`, or with that of a verification for which it waited.
   */
  async verify(user: string, digest: string, verify: () => Promise<Verdict>): Promise<Verdict> {
    this.#sweep();
    const number = numberOf(accountName(user), COUNTER_BITS);
    let account = this.#account(number);
    while (!account.wrong.has(digest) && this.#isFull(account) && account.pending.size > 0) {
      await this.#wait(account);
      account = this.#account(number); // It may be a new one.
    }
    if (account.wrong.has(digest) || this.#isFull(account)) return DENIED;
    const began = ++this.#step;
    const pending = verify();
    account.pending.add(pending);
    try {
      const verdict = await pending;
      const typed = numberOf(user, NAME_BITS);
      if (verdict.verified) this.#forget(account, typed, began);
      else if (verdict.reason === 'credentials') this.#count(number, account, typed, digest);
      return verdict;
    } finally {
      account.pending.delete(pending);
      if (account.wrong.size + account.pending.size === 0) this.#accounts.delete(number);
    }
  }

  /** How many accounts are counted. */
  get size(): number {
    return this.#accounts.size;
  }

  /** Forgets everything. */
  close(): void {
    this.#accounts.clear();
  }

  #account(number: number): Account {
    let account = this.#accounts.get(number);
    if (account === undefined) {
      account = { wrong: new Map(), last: 0, pending: new Set(), waiting: 0 };
      this.#accounts.set(number, account);
    }
    if (this.#hasPassed(account)) account.wrong.clear();
    return account;
  }

  #isFull({ wrong, pending }: Account): boolean {
    return wrong.size + pending.size >= this.#attempts;
  }

  #hasPassed({ last }: Account): boolean {
    return last + this.#window <= now();
  }

  async #wait(account: Account): Promise<void> {
    if (account.waiting >= MOST_WAITING) {
      const message = 'too many different passwords of one user at once';
      throw new KpassError('ERR_KPASS_BUSY', message, { step: 'throttle' });
    }
    account.waiting++;
    try {
      await Promise.race(account.pending);
    } finally {
      account.waiting--;
    }
  }

  /**
   * After a right password the KDC starts to count again. Two kinds of refusals stay. One that came
   * after the right password was sent: the KDC may have counted it later. And one of another spelling,
   * which may be another account, whose owner could otherwise go on guessing forever.
   */
  #forget({ wrong }: Account, typed: number, began: number): void {
    for (const [digest, refusal] of wrong) {
      if (refusal.typed === typed && refusal.at < began) wrong.delete(digest);
    }
  }

  /** Only wrong credentials count: a KDC denies for other reasons whatever the password is. */
  #count(number: number, account: Account, typed: number, digest: string): void {
    account.wrong.set(digest, { typed, at: ++this.#step });
    account.last = now();
    this.#accounts.delete(number);
    this.#accounts.set(number, account);
    this.#sweepLater();
  }

  /** Forgets the accounts whose window has passed. */
  #sweep(): void {
    for (const [number, account] of this.#accounts) {
      if (account.pending.size > 0) continue;
      if (!this.#hasPassed(account)) return;
      this.#accounts.delete(number);
    }
  }

  /** The memory comes back if no more requests come, too. The timer does not hold the process. */
  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    setTimeout(() => {
      this.#sweeping = false;
      this.#sweep();
      if (this.#accounts.size > 0) this.#sweepLater();
    }, this.#window).unref();
  }
}
