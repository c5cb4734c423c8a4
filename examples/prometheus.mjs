// @ts-check
// Prometheus, with prom-client: a histogram of verifications, and the numbers of auth.stats.

import { subscribe } from 'node:diagnostics_channel';
import { Counter, Gauge, Histogram } from 'prom-client';

/**
 * @param {import('kpass/http').BasicAuth} auth
 * @param {import('prom-client').Registry} registry
 */
export function measureKpass(auth, registry) {
  const registers = [registry];
  const durations = new Histogram({
    name: 'kpass_verify_seconds',
    help: 'Verifications, with the wait for a thread',
    labelNames: ['outcome', 'reason', 'code'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  subscribe('kpass:verify', ({ duration, outcome, reason = '', code = '' }) =>
    durations.observe({ outcome, reason, code }, duration / 1000),
  );
  const throttled = new Counter({
    name: 'kpass_throttled_total',
    help: 'Passwords that the throttle refused',
    registers,
  });
  subscribe('kpass:throttle', () => throttled.inc());
  new Gauge({
    name: 'kpass_now',
    help: 'auth.stats',
    labelNames: ['number'],
    registers,
    collect() {
      for (const [number, value] of Object.entries(auth.stats)) this.set({ number }, value);
    },
  });
}
