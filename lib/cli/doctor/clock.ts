// Compares the KDCs' clocks with this machine's clock. Every error of a KDC tells its time.

import { broken, type LookResult, notTried, ok, warning } from './chain.js';
import type { KdcFacts } from './kdcs.js';
import type { Krb5 } from './krb5.js';

/** libkrb5's default limit, in seconds. */
const CLOCKSKEW = 300;
/** From this part of the limit on, doctor warns. */
const WARN_FROM = 0.2;

export async function lookAtClock(krb5: Krb5, { answering }: KdcFacts): Promise<LookResult<true>> {
  const [written] = await krb5.ask('configValues', 'libdefaults', 'clockskew');
  // libkrb5 ignores a value that is not a whole number, such as '5m'.
  const limit = Number.isInteger(Number(written || Number.NaN)) ? Number(written) : CLOCKSKEW;
  const clocks = answering.filter(({ ahead }) => ahead !== undefined);
  if (clocks.length === 0) return { diagnoses: notTried('no KDC told its time'), facts: true };
  const worst = clocks.reduce((a, b) => (Math.abs(b.ahead ?? 0) > Math.abs(a.ahead ?? 0) ? b : a));
  const seconds = (worst.ahead ?? 0) / 1000;
  const detail = `${describeSkew(seconds)} (${worst.kdc.name}); ${limit} s are allowed`;
  const remedy = [
    'Set the clocks by NTP, on this machine and on the KDC:',
    'timedatectl set-ntp true',
    'date -u',
  ];
  const isOff = ({ ahead = 0 }) => Math.abs(ahead) / 1000 > limit;
  if (clocks.every(isOff)) return { diagnoses: broken(detail, ...remedy), facts: null };
  if (isOff(worst)) {
    const others = `${detail}; the clocks of other KDCs are right`;
    return { diagnoses: warning(others, ...remedy), facts: true };
  }
  if (Math.abs(seconds) > limit * WARN_FROM) {
    return { diagnoses: warning(detail, ...remedy), facts: true };
  }
  return { diagnoses: ok(detail), facts: true };
}

function describeSkew(seconds: number): string {
  if (Math.abs(seconds) < 1) return "within a second of the KDC's";
  const amount = `${Math.round(Math.abs(seconds))} s`;
  return `${amount} ${seconds > 0 ? 'behind' : 'ahead of'} the KDC's`;
}
