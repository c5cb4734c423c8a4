// The way in for a login form: a name and a password from the body of a request.

import { isUint8Array } from 'node:util/types';
import { passwordCanBeRight } from '../credentials.js';
import { checkCallOptions } from '../settings.js';
import type { Verdict } from '../verdict.js';
import type { Verifications } from './verifications.js';

export interface FormOptions {
  /** Rejects with its reason when it is aborted. */
  signal?: AbortSignal | undefined;
}

export type VerifyForm = (
  user: unknown,
  password: unknown,
  options?: FormOptions,
) => Promise<Verdict>;

const DENIED: Verdict = { verified: false, reason: 'credentials' };

/** What `auth.verify` does, with these verifications. */
export function formOf(verifications: Verifications): VerifyForm {
  return async (user, password, options) => {
    const { signal } = checkCallOptions(options);
    // A field that is missing, sent twice or an object comes from the network: no mistake of the program.
    if (typeof user !== 'string') return DENIED;
    const bytes = bytesOf(password);
    if (bytes === null) return DENIED;
    const result = await verifications.verify(user, bytes, signal);
    if (typeof result === 'string') return { verified: false, reason: result };
    return { verified: true, principal: result.principal, realm: result.realm };
  };
}

/** A copy of the password, for `verifications` to wipe. Null: it can never be right. */
function bytesOf(password: unknown): Buffer | null {
  if (typeof password !== 'string' && !isUint8Array(password)) return null;
  // Before it becomes bytes, in which a lone surrogate would be another character.
  if (!passwordCanBeRight(password)) return null;
  const size = typeof password === 'string' ? Buffer.byteLength(password) : password.length;
  const bytes = Buffer.alloc(size);
  if (typeof password === 'string') bytes.write(password);
  else bytes.set(password);
  return bytes;
}
