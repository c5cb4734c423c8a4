// The armor of users' logins (FAST): whether the realm's KDC supports it, and which principal gets it.
// Logins work without it unless the option fast is 'require', so nothing here is worse than a warning.

import type { ArmorReport } from '../../binding.js';
import { krb5Name } from '../../krb5-codes.js';
import type { Settings } from '../../settings.js';
import { doctorLine } from '../usage.js';
import { type Diagnosis, type LookResult, ok, warning } from './chain.js';
import type { KdcKind } from './kdc-kind.js';
import { ifLate, type Krb5 } from './krb5.js';

const BARE = 'logins are not armored, so anyone who listens can guess at passwords';

export async function lookAtArmor(
  krb5: Krb5,
  settings: Settings,
  kind: KdcKind | null,
): Promise<LookResult<true>> {
  const slow = warning(
    `the login for armor had no answer in ${settings.timeout} ms`,
    'Are the KDCs overloaded? Try again with more time:',
    doctorLine(settings, '--timeout', String(3 * settings.timeout)),
  );
  const report = await krb5.ask('armorLogin').catch(ifLate(slow));
  return { diagnoses: judge(report, kind), facts: true };
}

function judge(report: ArmorReport, kind: KdcKind | null): Diagnosis {
  const { step, code, message, principal, fast, end } = report;
  if (step === '' && fast) {
    const hours = ((end * 1000 - Date.now()) / 3_600_000).toFixed(1);
    return ok(`${principal} gets armor for users' logins (FAST), for ${hours} hours at a time`);
  }
  if (step === '') {
    return warning(`the KDC does not support FAST: ${BARE}`, ...enable(kind));
  }
  if (krb5Name(code) === 'KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN') {
    return warning(
      `the KDC lets ${principal} not log in, and the keytab has no single NAME$: ${BARE}`,
      'Add the key of the account that has this service to the keytab, and name the account in the',
      'option fastPrincipal: docs/armor.md',
    );
  }
  return warning(`${principal} gets no armor (${message}): ${BARE}`);
}

/** What switches FAST on. */
function enable(kind: KdcKind | null): string[] {
  switch (kind) {
    case 'Active Directory':
      return [
        'On all domain controllers, set this policy to Supported (Computer Configuration, Administrative',
        'Templates, System, KDC):',
        'KDC support for claims, compound authentication and Kerberos armoring',
      ];
    case 'Samba':
      return ['In smb.conf of the domain controller, remove:', 'kdc enable fast = no'];
    default:
      return [];
  }
}
