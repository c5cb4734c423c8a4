// Anyone who can read or change the keytab can act as the KDC towards this service. kpass warns of it.

const warned = new Set<string>();

/** Emits the process warning KPASS_KEYTAB_MODE, once for each keytab. */
export function warnOfExposedKeytab(keytab: string): void {
  if (warned.has(keytab)) return;
  warned.add(keytab);
  process.emitWarning(
    `keytab ${keytab} can be read or changed by its group or by others: anyone who does can make ` +
      'tickets that this service believes. Only its owner should have permission to read it',
    { type: 'SecurityWarning', code: 'KPASS_KEYTAB_MODE' },
  );
}
