// Whether the KDCs' clocks agree with this machine's. A KDC says the time in every error.

import type { Settings } from '../../settings.js';
import { broken, notTried, ok, type Seen, warning } from './chain.js';
import type { Answering } from './kdcs.js';
import type { Krb5 } from './krb5.js';

/** libkrb5's own limit, in seconds; and how much of it is too much for comfort. */
const CLOCKSKEW = 300;
const COMFORT = 0.2;

export function lookAtClock(krb5: Krb5, settings: Settings, answering: Answering[]): Seen<true> {
  const [written] = krb5.configValues(settings, 'libdefaults', 'clockskew');
  const limit = Number.parseInt(written ?? '', 10) || CLOCKSKEW;
  const clocks = answering.filter(({ ahead }) => ahead !== undefined);
  if (clocks.length === 0)
    return { findings: notTried('no KDC said what time it is'), facts: true };
  const worst = clocks.reduce((a, b) => (Math.abs(b.ahead ?? 0) > Math.abs(a.ahead ?? 0) ? b : a));
  const seconds = (worst.ahead ?? 0) / 1000;
  const detail = `${describeSkew(seconds)} (${worst.kdc.name}); ${limit} s are allowed`;
  const remedy = ['Set both clocks by NTP, here and there:', 'timedatectl set-ntp true', 'date -u'];
  if (Math.abs(seconds) > limit) return { findings: broken(detail, ...remedy), facts: null };
  if (Math.abs(seconds) > limit * COMFORT) {
    return { findings: warning(detail, ...remedy), facts: true };
  }
  return { findings: ok(detail), facts: true };
}

function describeSkew(seconds: number): string {
  if (Math.abs(seconds) < 1) return "within a second of the KDC's";
  const amount = `${Math.round(Math.abs(seconds))} s`;
  return `${amount} ${seconds > 0 ? 'behind' : 'ahead of'} the KDC's`;
}
