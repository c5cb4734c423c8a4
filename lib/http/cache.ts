// A cache whose entries expire. It has no timers, which would keep the process alive or wake it. An
// expired entry is dropped when it is looked up, or when the cache needs its place.

import { now } from './clock.js';

interface Entry<Value> {
  readonly value: Value;
  readonly until: number;
}

/** Keeps each value for `ttl` ms, and at most `max` values. The least recently used goes first. */
export class Cache<Value> {
  readonly #ttl: number;
  readonly #max: number;
  /** A Map keeps its keys in the order of insertion. Each use inserts the key again. */
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

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Drops all entries whose value fits. */
  deleteWhere(fits: (value: Value) => boolean): void {
    for (const [key, { value }] of this.#entries) {
      if (fits(value)) this.#entries.delete(key);
    }
  }

  clear(): void {
    this.#entries.clear();
  }
}
