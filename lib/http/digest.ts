// HMACs that stand for users and passwords, which must not be kept. Only the holders of the key can test
// a guess against them.

import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

/** This process's own key, which is never written down. */
const own = createSecretKey(randomBytes(32));

/** Equal for the same user and password, and for no others. */
export function digestOf(user: string, password: string | Uint8Array, key = own): string {
  // kpass has refused every NUL, so no two pairs of user and password give the same bytes.
  return createHmac('sha256', key).update(`${user}\0`).update(password).digest('binary');
}

/** A key for each purpose, made of one secret: an HMAC for one purpose says nothing for another. */
export function keyFor(purpose: string, secret?: string | Uint8Array): KeyObject {
  const key = secret === undefined ? own : secretKey(secret);
  return createSecretKey(createHmac('sha256', key).update(`kpass ${purpose}`).digest());
}

function secretKey(secret: string | Uint8Array): KeyObject {
  return createSecretKey(Buffer.from(secret as Uint8Array));
}

/** The HMAC of a text. */
export function hmacOf(text: string, key: KeyObject): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
