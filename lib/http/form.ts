// The way in for a form: a name and passwords from the body of a request.

import { isUint8Array } from 'node:util/types';
import { MAX_PASSWORD_BYTES, passwordCanBeRight } from '../credentials.js';
import { bytesOffHeap } from '../off-heap.js';
import type { PasswordChange } from '../password-change.js';
import { checkAcceptOptions } from '../settings.js';
import { optionsObject } from '../validate.js';
import type { Verdict } from '../verdict.js';
import type { Verifications } from './verifications.js';

export interface FormOptions {
  /** Rejects with its reason when it is aborted. */
  signal?: AbortSignal | undefined;
}

type VerifyForm = (user: unknown, password: unknown, options?: FormOptions) => Promise<Verdict>;

type ChangeForm = (
  user: unknown,
  oldPassword: unknown,
  newPassword: unknown,
  options?: FormOptions,
) => Promise<PasswordChange>;

/** The methods of `auth` that take what a form sends. */
export interface Forms {
  verify: VerifyForm;
  changePassword: ChangeForm;
}

export function formsOf(verifications: Verifications): Forms {
  return { verify: formOf(verifications), changePassword: changeFormOf(verifications) };
}

const encoder = new TextEncoder();

/** Asks the bytes themselves: a subclass of Uint8Array may have a `length` that lies. */
const LENGTH = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  'length',
)?.get as (this: Uint8Array) => number;

/** What `auth.verify` does, with these verifications. */
function formOf(verifications: Verifications): VerifyForm {
  return async (user, password, options) => {
    const { signal } = checkAcceptOptions(optionsObject('options', options, ['signal']));
    // A field that is missing, sent twice or an object comes from the network: no mistake of the program.
    const bytes = typeof user === 'string' ? bytesOf(password) : null;
    if (typeof user !== 'string' || bytes === null) {
      return { verified: false, reason: verifications.deny('input', 'credentials') };
    }
    const result = await verifications.verify(user, bytes, signal);
    if (typeof result === 'string') return { verified: false, reason: result };
    return { verified: true, principal: result.principal, realm: result.realm };
  };
}

/** What `auth.changePassword` does, with these verifications. */
function changeFormOf(verifications: Verifications): ChangeForm {
  return async (user, oldPassword, newPassword, options) => {
    const { signal } = checkAcceptOptions(optionsObject('options', options, ['signal']));
    const old = bytesOf(oldPassword);
    const fresh = bytesOf(newPassword);
    if (typeof user === 'string' && old !== null && fresh !== null) {
      return await verifications.changePassword(user, old, fresh, signal);
    }
    old?.fill(0);
    fresh?.fill(0);
    return verifications.denyChange('input');
  };
}

/** A copy of the password, for `verifications` to wipe. Null: it can never be right. */
function bytesOf(password: unknown): Uint8Array | null {
  if (isUint8Array(password)) return copyOf(password);
  // Before it becomes bytes, in which a lone surrogate would be another character.
  if (typeof password !== 'string' || !passwordCanBeRight(password)) return null;
  const bytes = bytesOffHeap(Buffer.byteLength(password));
  encoder.encodeInto(password, bytes);
  return bytes;
}

/** Null: longer than any password. */
function copyOf(password: Uint8Array): Uint8Array | null {
  const length: number = LENGTH.call(password);
  if (length > MAX_PASSWORD_BYTES) return null;
  const copy = bytesOffHeap(length);
  copy.set(password);
  return copy;
}
