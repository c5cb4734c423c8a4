// What is remembered for a while. No timers, which would hold the process or wake it: an entry past
// its time is dropped when it is looked at, or when its place is needed.

import { now } from './clock.js';

interface Entry<Value> {
  readonly value: Value;
  readonly until: number;
}

/** Values, each for `ttl` ms, `max` of them at most: the least recently used one goes first. */
export class Cache<Value> {
  readonly #ttl: number;
  readonly #max: number;
  /** A Map keeps the order in which its keys came: here, of their last use. */
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(ttl: number, max: number) {
    this.#ttl = ttl;
    this.#max = max;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.until <= now()) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: Value): void {
    if (this.#ttl === 0) return;
    this.#entries.delete(key);
    this.#entries.set(key, { value, until: now() + this.#ttl });
    if (this.#entries.size <= this.#max) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  clear(): void {
    this.#entries.clear();
  }
}
