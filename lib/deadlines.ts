// The deadlines of pending calls. Calls with the same timeout share one Node timer: one timer per call
// would be a large share of a verification's cost on this thread. The timer keeps the process alive
// while a call is pending.

import { clearTimeout, now, setTimeout } from './time.js';

/** The most timers that are kept without a pending call, for later calls with the same timeout. */
const MOST_IDLE = 8;

export interface Expiring {
  /** In ms, on the clock of now(). */
  readonly deadline: number;
  expire(): void;
}

const byTimeout = new Map<number, Deadlines>();

/** The pending calls with one timeout. */
export class Deadlines {
  readonly #timeout: number;
  /** In the order of their deadlines. */
  readonly #calls = new Set<Expiring>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(timeout: number) {
    this.#timeout = timeout;
  }

  /** `timeout` in ms. */
  static of(timeout: number): Deadlines {
    const existing = byTimeout.get(timeout);
    if (existing !== undefined) return existing;
    const created = new Deadlines(timeout);
    byTimeout.set(timeout, created);
    return created;
  }

  add(call: Expiring): void {
    this.#calls.add(call);
    this.#timer ??= setTimeout(expireDue, this.#timeout, this);
    if (this.#calls.size === 1) this.#timer.ref();
  }

  delete(call: Expiring): void {
    if (!this.#calls.delete(call) || this.#calls.size > 0) return;
    if (byTimeout.size <= MOST_IDLE) this.#timer?.unref();
    else this.#end();
  }

  /** If the timer was set for a call that has ended, sets it again for the next call. */
  expireDue(): void {
    this.#timer = undefined;
    const due = Math.ceil(now()); // Node's timers count whole ms.
    for (const call of this.#calls) {
      if (call.deadline > due) {
        this.#timer ??= setTimeout(expireDue, call.deadline - due, this);
        return;
      }
      this.#calls.delete(call);
      call.expire();
    }
    if (this.#calls.size === 0) this.#end();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    byTimeout.delete(this.#timeout);
  }
}

/** One function for all timers: none is created for each call. */
function expireDue(deadlines: Deadlines): void {
  deadlines.expireDue();
}
