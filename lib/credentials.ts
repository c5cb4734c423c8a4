// The user and the password that a caller passes. A wrong type throws a TypeError. A name or a
// password that can never be right is a denial, and no packet leaves for it.

import { isUtf8 } from 'node:buffer';
import { isUint8Array } from 'node:util/types';
import { wrongType } from './validate.js';

/** The longest name that is sent, in bytes of UTF-8. */
const MAX_USER_BYTES = 256;
/** The longest password that is sent, in bytes of UTF-8. */
export const MAX_PASSWORD_BYTES = 1024;

/** Throws for wrong types only. Whether the values can be right is the question of `refused`. */
export function checkCredentials(user: unknown, password: unknown): void {
  if (typeof user !== 'string') throw wrongType('user', 'a string', user);
  if (typeof password !== 'string' && !isUint8Array(password)) {
    throw wrongType('password', 'a string or a Uint8Array', password);
  }
}

/** True for a name or a password that no KDC can have, or that libkrb5 would read as another one. */
export function refused(user: string, password: string | Uint8Array): boolean {
  return !userCanBeRight(user) || !passwordCanBeRight(password);
}

function userCanBeRight(user: string): boolean {
  return (
    user !== '' &&
    user.isWellFormed() &&
    // UTF-8 is never shorter than UTF-16, so this line spares measuring a long name.
    user.length <= MAX_USER_BYTES &&
    Buffer.byteLength(user) <= MAX_USER_BYTES &&
    // No control characters. No backslash: krb5_parse_name reads '\0' and '\@' as escapes.
    !/[\p{Cc}\\]/u.test(user) &&
    // A name, then one realm at most.
    /^[^@]+(@[^@]+)?$/.test(user) &&
    // RFC 8062: anyone may log in as WELLKNOWN/ANONYMOUS.
    !/^WELLKNOWN\//i.test(user)
  );
}

function passwordCanBeRight(password: string | Uint8Array): boolean {
  if (password.length === 0 || password.length > MAX_PASSWORD_BYTES) return false;
  if (typeof password === 'string') {
    return (
      !password.includes('\0') &&
      password.isWellFormed() &&
      Buffer.byteLength(password) <= MAX_PASSWORD_BYTES
    );
  }
  return !password.includes(0) && isUtf8(password);
}
