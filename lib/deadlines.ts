// When pending calls have to end. Calls with the same time to end in share a timer of Node's: one for
// each would be a good part of what a verification costs here. It keeps the process alive while one
// of them is pending.

import timers from 'node:timers';

// Taken now: a test that mocks timers later would stop the deadlines.
const { clearTimeout, setTimeout } = timers;

/** How many timers wait for more calls with their time. */
const MOST_IDLE = 8;

export interface Expiring {
  /** By performance.now(). */
  readonly deadline: number;
  expire(): void;
}

const byTimeout = new Map<number, Deadlines>();

/** Calls that have the same time to end in. */
export class Deadlines {
  readonly #timeout: number;
  /** In the order in which their time passes. */
  readonly #calls = new Set<Expiring>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(timeout: number) {
    this.#timeout = timeout;
  }

  /** `timeout` in ms. */
  static of(timeout: number): Deadlines {
    const known = byTimeout.get(timeout);
    if (known !== undefined) return known;
    const made = new Deadlines(timeout);
    byTimeout.set(timeout, made);
    return made;
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

  /** The timer may be that of a call that has ended: then it is set anew, for the next one. */
  expireDue(): void {
    this.#timer = undefined;
    const now = Math.ceil(performance.now()); // Node's timers count in whole ms.
    for (const call of this.#calls) {
      if (call.deadline > now) {
        this.#timer ??= setTimeout(expireDue, call.deadline - now, this);
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

/** One function for all timers. */
function expireDue(deadlines: Deadlines): void {
  deadlines.expireDue();
}
