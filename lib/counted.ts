// Errors after which a KDC may have counted a wrong password: the proof of the password left, and no
// answer came back. The throttle of kpass/http must then count it too.

import type { NativeOutcome } from './binding.js';

/** libkrb5's number for the protocol's error 0, and the protocol's last error (RFC 4120, 7.5.9). */
const PROTOCOL = -1765328384;
const LAST = 127;
/** KRB5KRB_ERR_GENERIC: under armor, libkrb5 gets it in place of each error that is not armored. */
const GENERIC = PROTOCOL + 60;
/** KRB5KRB_AP_ERR_MSG_TYPE: libkrb5's word for a reply that is no Kerberos message. */
const NO_REPLY = PROTOCOL + 40;

const counted = new WeakSet<object>();

/** The error of a verification whose proof left and got no answer. Returns the error. */
export function markCounted<E extends object>(error: E): E {
  counted.add(error);
  return error;
}

export function mayBeCounted(error: unknown): boolean {
  return typeof error === 'object' && error !== null && counted.has(error);
}

/**
 * Whether a KDC may have counted a wrong password, if the outcome is an error. An answer of the KDC's
 * that is no verdict counts nothing. Under armor, only an armored answer is the KDC's: anyone could take
 * an attempt back with another. Before the ticket is verified, the password has decrypted the KDC's
 * reply: it is right.
 */
export function isUnanswered({
  proofLeft,
  armored,
  step,
  code,
}: Pick<NativeOutcome, 'proofLeft' | 'armored' | 'step' | 'code'>): boolean {
  if (!proofLeft || step === 'krb5_verify_init_creds') return false;
  if (armored && (code === GENERIC || step === 'fast')) return true;
  const answered = code > PROTOCOL && code <= PROTOCOL + LAST && code !== NO_REPLY;
  return !answered;
}
