// The throttle's store in the memory of this process. It answers at once, without a promise.

import timers from 'node:timers';
import type { Attempt, End, Reservation, Terms, ThrottleStore } from '../throttle-store.js';
import { now } from './clock.js';

/** Taken now, before a test can replace it by a timer that never fires. */
const { setTimeout } = timers;

interface Counted {
  readonly digest: string;
  readonly name: string;
  readonly wrong: boolean;
  /** The order of reservations and refusals: a later one has a greater number. */
  readonly order: number;
  /** When it was reserved, by now(). */
  readonly began: number;
  /** When it was refused; if it is not settled, when its lease ends. */
  readonly at: number;
}

interface Account {
  /** By the attempts' ids. */
  readonly counted: Map<string, Counted>;
  /** When all are forgotten. */
  until: number;
}

export class MemoryStore implements ThrottleStore {
  // The account that changed last is at the end. The first ones are forgotten first.
  readonly #accounts = new Map<string, Account>();
  #order = 0;
  #sweeping = false;

  reserve(name: string, attempt: Attempt, { attempts, window, lease }: Terms): Reservation {
    this.#sweep();
    const account = this.#account(name);
    const time = now();
    let pending = false;
    let same = false;
    for (const { wrong, at, digest } of account.counted.values()) {
      const isPending = !wrong && at > time;
      pending ||= isPending;
      if (digest !== attempt.digest) continue;
      if (wrong) return 'refused';
      same ||= isPending;
    }
    if (account.counted.has(attempt.id)) return 'granted';
    if (same) return 'wait';
    if (account.counted.size >= attempts) return pending ? 'wait' : 'refused';
    const at = time + lease;
    this.#count(name, account, attempt, { wrong: false, began: time, at }, window);
    return 'granted';
  }

  settle(name: string, attempt: Attempt, end: End, { window }: Terms): void {
    const account = this.#account(name);
    const mine = account.counted.get(attempt.id);
    if (end === 'wrong') {
      const at = now();
      this.#count(name, account, attempt, { wrong: true, began: mine?.began ?? at, at }, window);
      return;
    }
    account.counted.delete(attempt.id);
    if (end === 'right' && mine !== undefined) forgetBefore(account, mine);
    if (account.counted.size === 0) this.#accounts.delete(name);
    else account.until = untilOf(account, window);
  }

  forget(name: string): void {
    this.#accounts.delete(name);
  }

  /** Forgets everything. */
  clear(): void {
    this.#accounts.clear();
  }

  /** How many accounts are counted. */
  get size(): number {
    return this.#accounts.size;
  }

  #account(name: string): Account {
    const account = this.#accounts.get(name);
    const isOver = account !== undefined && account.until <= now();
    return account === undefined || isOver ? { counted: new Map(), until: 0 } : account;
  }

  #count(
    name: string,
    account: Account,
    { id, digest, name: typed }: Attempt,
    state: Pick<Counted, 'wrong' | 'began' | 'at'>,
    window: number,
  ): void {
    account.counted.set(id, { digest, name: typed, order: ++this.#order, ...state });
    account.until = untilOf(account, window);
    this.#accounts.delete(name);
    this.#accounts.set(name, account);
    this.#sweepLater(window);
  }

  /** Forgets the accounts whose window has passed. */
  #sweep(): void {
    const time = now();
    for (const [name, { until }] of this.#accounts) {
      if (until > time) return;
      this.#accounts.delete(name);
    }
  }

  /** The memory comes back if no more requests come, too. The timer does not hold the process. */
  #sweepLater(window: number): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    setTimeout(() => {
      this.#sweeping = false;
      this.#sweep();
      if (this.#accounts.size > 0) this.#sweepLater(window);
    }, window).unref();
  }
}

/**
 * After a right password the KDC starts to count again. Two kinds of attempts stay. One that was
 * refused after the right password was reserved: the KDC may have counted it later. And one of another
 * spelling, which may be another account, whose owner could otherwise go on guessing forever.
 */
function forgetBefore({ counted }: Account, { name, order, began }: Counted): void {
  for (const [id, each] of counted) {
    const isBefore = each.wrong ? each.order < order : each.at < began;
    if (each.name === name && isBefore) counted.delete(id);
  }
}

function untilOf({ counted }: Account, window: number): number {
  let last = 0;
  for (const { at } of counted.values()) last = Math.max(last, at);
  return last + window;
}
