// Turns the native side's outcome into the caller's verdict or error.

import { warnOfMissingArmor } from './armor-warning.js';
import type { NativeOutcome } from './binding.js';
import type { DenialReason } from './denials.js';
import { errorFrom, meaningOf } from './errors.js';
import { warnOfExposedKeytab } from './keytab-warning.js';

/** The result of a verification. */
export type Verdict =
  | {
      verified: true;
      /** The account, as the ticket names it: 'alice@EXAMPLE.COM'. */
      principal: string;
      /** The account's realm: 'EXAMPLE.COM'. */
      realm: string;
    }
  | { verified: false; reason: DenialReason };

const byToken = new WeakSet<Verdict>();

/** True if the value of a token was verified. The same value does not serve again. */
export function isByToken(verdict: Verdict): boolean {
  return byToken.has(verdict);
}

/** Throws a KpassError if the outcome is no verdict. */
export function verdictOf(outcome: NativeOutcome): Verdict {
  if (outcome.keytabExposed) warnOfExposedKeytab(outcome.keytab);
  if (outcome.verified) {
    warnOfMissingArmor(outcome);
    const verdict = { verified: true, principal: outcome.principal, realm: outcome.realm } as const;
    if (outcome.byToken) byToken.add(verdict);
    return verdict;
  }
  const meaning = meaningOf(outcome.step, outcome.code);
  switch (meaning) {
    case 'credentials':
    case 'expired':
    case 'disabled':
    case 'policy':
    case 'second-factor':
      warnOfMissingArmor(outcome);
      return { verified: false, reason: meaning };
    default:
      throw errorFrom(outcome, meaning);
  }
}
