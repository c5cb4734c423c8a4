// Names for what must not be kept: HMACs with a key that no other process has and that is never
// written down. Without the key, they do not even tell a guess from a miss.

import { createHmac, createSecretKey, randomBytes } from 'node:crypto';

const key = createSecretKey(randomBytes(32));

/** The same for the same name and password, and for no others. */
export function digestOf(user: string, password: Uint8Array): string {
  // Neither of them holds a NUL (kpass refuses it before): no two pairs read the same.
  return createHmac('sha256', key).update(`${user}\0`).update(password).digest('binary');
}

/** A number of so many bits, up to 32, for a text; nobody outside can choose it. */
export function numberOf(text: string, bits: number): number {
  return createHmac('sha256', key).update(text).digest().readUInt32BE() >>> (32 - bits);
}
