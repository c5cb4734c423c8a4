// The user and the password that a caller passes. A wrong type throws a TypeError. A name or a
// password that can never be right is a denial, and no packet leaves for it.

import { isUtf8 } from 'node:buffer';
import { isUint8Array } from 'node:util/types';
import { askedName, type NameSettings } from './names.js';
import { wrongType } from './validate.js';

/** The longest password that is sent, in bytes of UTF-8. */
export const MAX_PASSWORD_BYTES = 1024;

/** Throws for wrong types only. Whether the values can be right, `nameUnlessRefused` says. */
export function checkCredentials(user: unknown, password: unknown): void {
  if (typeof user !== 'string') throw wrongType('user', 'a string', user);
  if (typeof password !== 'string' && !isUint8Array(password)) {
    throw wrongType('password', 'a string or a Uint8Array', password);
  }
}

/** The same, for a change of the password. */
export function checkChange(user: unknown, oldPassword: unknown, newPassword: unknown): void {
  if (typeof user !== 'string') throw wrongType('user', 'a string', user);
  for (const [name, value] of [
    ['oldPassword', oldPassword],
    ['newPassword', newPassword],
  ] as const) {
    if (typeof value !== 'string' && !isUint8Array(value)) {
      throw wrongType(name, 'a string or a Uint8Array', value);
    }
  }
}

/**
 * The name to ask a KDC for (names.ts). Null for a name or a password that no KDC can have, or that
 * libkrb5 would read as another one.
 */
export function nameUnlessRefused(
  user: string,
  password: string | Uint8Array,
  settings: NameSettings,
): string | null {
  return passwordCanBeRight(password) ? askedName(user, settings) : null;
}

/** The longest value of a token, in bytes of UTF-8. */
const MAX_TOKEN_BYTES = 128;

/** False for a value that no token shows, or that libkrb5 would read as another one. */
export function tokenCanBeRight(token: string): boolean {
  return (
    token.length <= MAX_TOKEN_BYTES &&
    !token.includes('\0') &&
    token.isWellFormed() &&
    Buffer.byteLength(token) <= MAX_TOKEN_BYTES
  );
}

/** False for a password that no KDC can have, or that libkrb5 would read as another one. */
export function passwordCanBeRight(password: string | Uint8Array): boolean {
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
