// From the native side's outcome to what the caller gets.

import type { NativeOutcome } from './binding.js';
import { type DenialReason, errorFrom, meaningOf } from './errors.js';
import { warnOfExposedKeytab } from './keytab-warning.js';

/** What a verification came to. */
export type Verdict =
  | {
      verified: true;
      /** The account, as the ticket names it: 'alice@EXAMPLE.COM'. */
      principal: string;
      /** Its realm: 'EXAMPLE.COM'. */
      realm: string;
    }
  | { verified: false; reason: DenialReason };

/** The verdict; throws a KpassError where the outcome is none. */
export function verdictOf(outcome: NativeOutcome): Verdict {
  if (outcome.keytabExposed) warnOfExposedKeytab(outcome.keytab);
  if (outcome.verified) {
    return { verified: true, principal: outcome.principal, realm: outcome.realm };
  }
  const meaning = meaningOf(outcome.step, outcome.code);
  switch (meaning) {
    case 'credentials':
    case 'expired':
    case 'disabled':
    case 'policy':
      return { verified: false, reason: meaning };
    default:
      throw errorFrom(outcome, meaning);
  }
}
