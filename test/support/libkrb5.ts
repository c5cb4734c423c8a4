// Tells which features the loaded libkrb5 has.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import 'kpass';

/** Whether the loaded libkrb5 contains a text, such as a relation of krb5.conf that it reads. */
export function libkrb5Has(text: string): boolean {
  const path = /\S*\/libkrb5\.so\.3\S*$/m.exec(readFileSync('/proc/self/maps', 'latin1'))?.[0];
  assert(path !== undefined, 'libkrb5 is not loaded');
  return readFileSync(path).includes(text);
}
