// The turns of requests that poll the store for one account. Only the first one polls, so a thousand
// requests ask the store no more often than one does.

import { clearTimeout, setTimeout } from '../time.js';
import { now } from './clock.js';

/** ms between two polls: the first pause, doubled after each poll in vain, up to the last. */
const FIRST_PAUSE = 5;
const LAST_PAUSE = 160;

interface Waiting {
  readonly until: number;
  readonly go: (turn: boolean) => void;
}

export class Turns {
  readonly #waiting: Waiting[] = [];
  #pause = FIRST_PAUSE;
  #taken = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Waits for a turn. `again`: the caller has the turn, and polled in vain.
   *
   * @returns false if `until` passed first, by now()
   */
  take(until: number, again: boolean): Promise<boolean> {
    return new Promise((go) => {
      if (again) {
        this.#waiting.unshift({ until, go });
        this.#pause = Math.min(2 * this.#pause, LAST_PAUSE);
        this.#taken = false;
      } else this.#waiting.push({ until, go });
      // So many processes do not poll in step.
      this.#schedule(this.#pause * (0.5 + Math.random()));
    });
  }

  /** Ends the turn. The next one's begins at once. */
  end(): void {
    this.#pause = FIRST_PAUSE;
    this.#taken = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#schedule(0);
  }

  #schedule(pause: number): void {
    if (this.#taken || this.#timer !== undefined || this.#waiting.length === 0) return;
    this.#timer = setTimeout(() => this.#next(), pause);
  }

  #next(): void {
    this.#timer = undefined;
    const time = now();
    const late = this.#waiting.filter(({ until }) => until <= time);
    const inTime = this.#waiting.filter(({ until }) => until > time);
    const first = inTime.shift();
    this.#waiting.splice(0, Infinity, ...inTime);
    this.#taken = first !== undefined;
    for (const { go } of late) go(false);
    first?.go(true);
  }
}
