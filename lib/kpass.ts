// pykpass's one function: the same order and meaning of arguments.

import { isDeepStrictEqual } from 'node:util';
import {
  checkCallOptions,
  checkCredentials,
  checkSettings,
  DEFAULT_SIZES,
  type Settings,
} from './arguments.js';
import { binding, type NativeOutcome } from './binding.js';
import { verify } from './calls.js';
import { KpassError } from './errors.js';
import { verdictOf } from './verdict.js';
import type { VerifierOptions, VerifyOptions } from './verifier.js';

/** As for a {@link Verifier}; there is one pool of threads for all calls of the process. */
export type KpassOptions = Pick<
  VerifierOptions,
  'realms' | 'timeout' | 'config' | 'canonicalize' | 'transport'
> &
  Pick<VerifyOptions, 'signal'>;

/**
 * Whether this is the user's password in Kerberos: obtains a ticket for `service/host` with it
 * and verifies that ticket with the service's key in `keytab`, so that no impostor of the KDC
 * can say yes.
 *
 * @param user 'alice', 'alice/admin' or 'alice@EXAMPLE.COM'
 * @param password read before this returns, and never changed: a Uint8Array can then be wiped
 * @param service the service's first name, e.g. 'HTTP'
 * @param host taken as written, in lower case; null: this machine's canonical host name
 * @param keytab 'FILE:/path' or a path; null or '': libkrb5's default keytab
 * @returns true: the password is right and the KDC is genuine. false: this name and password do
 *   not authenticate. With `canonicalize`, true only where the account's own name is the one given,
 *   apart from the case of its letters: for others, a Verifier tells the principal. Rejects with a
 *   {@link KpassError} for all else, which has the code ERR_KPASS_ACCOUNT when the account is
 *   expired, disabled or refused; with the signal's reason when aborted; with a TypeError for
 *   arguments that are a mistake of the program.
 */
export async function kpass(
  user: string,
  password: string | Uint8Array,
  service: string,
  host?: string | null,
  keytab?: string | null,
  options?: KpassOptions,
): Promise<boolean> {
  checkCredentials(user, password);
  const { signal } = checkCallOptions(options);
  const { realms, timeout, config, canonicalize, transport } = options ?? NO_OPTIONS;
  const settings = shared(
    checkSettings({ service, host, keytab, realms, timeout, config, canonicalize, transport }),
  );
  const pool = binding.sharedPool(DEFAULT_SIZES.threads, DEFAULT_SIZES.queue);
  const terms = { settings, timeout: settings.timeout, signal, counts, conclude: isRight };
  return verify(pool, terms, user, password);
}

/** Without a prototype: nothing put on everybody's is an option of ours. */
const NO_OPTIONS: KpassOptions = Object.create(null);

/** Nobody reads them: a Verifier has counts to show. */
const counts = { verified: 0, denied: 0, failed: 0 };

let last: Settings | undefined;

/** The last call's settings where they are the same: most programs have one service. */
function shared(settings: Settings): Settings {
  if (!isDeepStrictEqual(settings, last)) last = settings;
  return last ?? settings;
}

function isRight(outcome: NativeOutcome, user: string): boolean {
  const verdict = verdictOf(outcome);
  if (verdict.verified) return isNameOf(user, verdict.principal, verdict.realm);
  if (verdict.reason === 'credentials') return false;
  const message = `${ACCOUNT[verdict.reason]}, says the KDC of realm ${outcome.realms.join(' or ')}`;
  throw new KpassError('ERR_KPASS_ACCOUNT', message, {
    step: outcome.step,
    krb5Code: outcome.code,
    reason: verdict.reason,
  });
}

// With `canonicalize` the ticket may be for an account of another name. That name is not part of
// what the KDC protects: who sits on the wire can have a login as alice answered for an account of
// their own. A boolean speaks of the name that was typed, so only its letters' case may differ.
function isNameOf(user: string, principal: string, realm: string): boolean {
  const typed = user.split('@', 1)[0] ?? '';
  return `${typed}@${realm}`.toLowerCase() === principal.toLowerCase();
}

const ACCOUNT = {
  expired: 'the password must be changed',
  disabled: 'the account is locked, revoked or expired',
  policy: 'this login is refused, or takes more than a password',
};
