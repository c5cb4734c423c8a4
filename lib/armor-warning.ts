// A login without armor is open to anyone who listens: they can guess at the password offline.

import type { NativeOutcome } from './binding.js';
import { printable } from './errors.js';

const warned = new Set<string>();

/** Emits the process warning KPASS_FAST, once for each service, if the login had no armor. */
export function warnOfMissingArmor({ armorMissing, service }: NativeOutcome): void {
  if (armorMissing === '' || warned.has(service)) return;
  warned.add(service);
  process.emitWarning(
    printable(
      `logins for ${service} are not armored (FAST), so anyone who listens can guess at the ` +
        `passwords: ${armorMissing}`,
    ),
    { type: 'SecurityWarning', code: 'KPASS_FAST' },
  );
}
