// HMACs that stand for users and passwords, which must not be kept. Only this process has the key, and
// never writes it down. Without the key, nobody can test a guess against an HMAC.

import { createHmac, randomBytes } from 'node:crypto';
import { MAX_PASSWORD_BYTES } from '../credentials.js';
import { MAX_USER_BYTES } from '../names.js';
import { Hmac } from './hmac.js';

const key = randomBytes(32);
const hmac = new Hmac(key, MAX_USER_BYTES + 1 + MAX_PASSWORD_BYTES);

/** Equal for the same user and password, and for no others. */
export function digestOf(user: string, password: Uint8Array): string {
  // kpass has refused every NUL, so no two pairs of user and password give the same bytes.
  return hmac.of(`${user}\0`, password);
}

/** A number of `bits` bits, 32 at most, for a text. Nobody outside of this process can choose it. */
export function numberOf(text: string, bits: number): number {
  return createHmac('sha256', key).update(text).digest().readUInt32BE() >>> (32 - bits);
}
