// Anyone who can read or change the keytab can pass for the KDC. kpass warns of that once.

const warned = new Set<string>();

/** Emits the process warning KPASS_KEYTAB_MODE, once for each keytab. */
export function warnOfExposedKeytab(keytab: string): void {
  if (warned.has(keytab)) return;
  warned.add(keytab);
  process.emitWarning(
    `keytab ${keytab} can be read or changed by its group or by others: anyone who does so can make ` +
      'tickets that this service believes. It should be owner-readable, with no other permission bits set',
    { type: 'SecurityWarning', code: 'KPASS_KEYTAB_MODE' },
  );
}
