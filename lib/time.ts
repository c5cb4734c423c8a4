// The clock and the timers of pending calls. They are taken when this file is loaded, and performance's
// own now() from its prototype: a test that fakes timers or the time does not stop a deadline.

import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

export const { clearTimeout, setTimeout } = timers;
export const { nextTick } = process;

// Bun has now() on the object itself.
const read = Object.getPrototypeOf(performance).now ?? performance.now;

/** ms on a clock that never goes back. */
export function now(): number {
  return read.call(performance);
}
