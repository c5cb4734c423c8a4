// Whoever can read the keytab can pass for the KDC: kpass says so, once.

const warned = new Set<string>();

/** Emits the process warning KPASS_KEYTAB_MODE, once for each keytab. */
export function warnOfExposedKeytab(keytab: string): void {
  if (warned.has(keytab)) return;
  warned.add(keytab);
  process.emitWarning(
    `keytab ${keytab} can be read by its group or by others: whoever reads it can make tickets ` +
      'that this service believes. It should be owner-readable, with no other permission bits set',
    { type: 'SecurityWarning', code: 'KPASS_KEYTAB_MODE' },
  );
}
