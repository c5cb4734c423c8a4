// kpass(): the one function of pykpass, with the same order and meaning of arguments.

import { binding, type NativeOutcome } from './binding.js';
import { verify } from './calls.js';
import { checkCredentials } from './credentials.js';
import { DENIALS, NO_KEY } from './denials.js';
import { KpassError } from './errors.js';
import { foldCase } from './names.js';
import { checkSignal, DEFAULT_SIZES, KPASS_KEYS, settingsOf } from './settings.js';
import { optionsObject } from './validate.js';
import { verdictOf } from './verdict.js';
import type { VerifierOptions, VerifyOptions } from './verifier.js';

/** The same as a {@link Verifier}'s. All calls of the process share one pool of threads. */
export type KpassOptions = Pick<
  VerifierOptions,
  | 'realms'
  | 'timeout'
  | 'config'
  | 'canonicalize'
  | 'transport'
  | 'upnSuffixes'
  | 'domains'
  | 'fast'
  | 'fastPrincipal'
  | 'otp'
> &
  Pick<VerifyOptions, 'signal'>;

/**
 * Whether this is the user's password in Kerberos. Obtains a ticket for `service/host` with the
 * password, and verifies the ticket with the service's key in `keytab`. So an impostor of the KDC
 * cannot make it true.
 *
 * @param user 'alice', 'alice/admin' or 'alice@EXAMPLE.COM'; with `upnSuffixes` and `domains`, more.
 *   Blanks at either end do not count, nor does the realm's case
 * @param password read before this returns, and never changed: a Uint8Array can be wiped afterwards
 * @param service the first part of the service's name, e.g. 'HTTP'
 * @param host taken as written, in lower case. Null: this machine's canonical host name
 * @param keytab 'FILE:/path' or a path. Null or '': libkrb5's default keytab
 * @returns true: the password is right and the KDC is genuine. false: this name and password do not
 *   log in. With `canonicalize`, it is true only if the account's own name equals the name given,
 *   ignoring case, or if `fast` is 'require'; a Verifier tells the account's principal. Otherwise it
 *   rejects. With a
 *   {@link KpassError}: there is no verdict, or the account is expired, disabled or refused
 *   (ERR_KPASS_ACCOUNT). With the signal's reason: the signal was aborted. With a TypeError: the
 *   arguments are a mistake of the program.
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
  const given = optionsObject('options', options, KPASS_KEYS);
  // Written out: to spread `given` would cost 7 µs.
  const settings = settingsOf({
    service,
    host,
    keytab,
    realms: given.realms,
    timeout: given.timeout,
    config: given.config,
    canonicalize: given.canonicalize,
    upnSuffixes: given.upnSuffixes,
    domains: given.domains,
    transport: given.transport,
    fast: given.fast,
    fastPrincipal: given.fastPrincipal,
    otp: given.otp,
    trace: undefined,
  });
  const pool = binding.sharedPool(DEFAULT_SIZES.threads, DEFAULT_SIZES.queue);
  const terms = {
    settings,
    timeout: settings.timeout,
    signal: checkSignal(given.signal),
    counts,
    conclude: settings.fast === 'require' ? isAccount : isRight,
  };
  return verify(pool, terms, user, password);
}

/** Nobody reads them: only a Verifier shows counts. */
const counts = { verified: 0, denied: 0, failed: 0, armored: 0 };

function isRight(outcome: NativeOutcome, name: string): boolean {
  if (!isAccount(outcome)) return false;
  return isNameOf(name, outcome.principal, outcome.realm);
}

// Armor protects the name in the KDC's answer (RFC 6113, 5.4.3): the account is the one that the KDC
// knows by the name that was asked for.
function isAccount(outcome: NativeOutcome): boolean {
  const verdict = verdictOf(outcome);
  if (verdict.verified) return true;
  if (verdict.reason === 'credentials') return false;
  const words = outcome.step === 'enctypes' ? NO_KEY : DENIALS[verdict.reason];
  const message = `${words} (realm ${outcome.realms.join(' or ')})`;
  throw new KpassError('ERR_KPASS_ACCOUNT', message, {
    step: outcome.step,
    krb5Code: outcome.code,
    reason: verdict.reason,
  });
}

// With `canonicalize`, the ticket may be for an account of another name. The KDC's reply does not
// protect the name that was asked for: an attacker on the network can have a login as alice answered
// for their own account. A boolean is about the name that was typed. So only its case may differ. An
// enterprise name is the account's own only where the account is called so, suffix included.
function isNameOf(name: string, principal: string, realm: string): boolean {
  const own = foldCase(principal.slice(0, -`@${realm}`.length).replace(/\\(.)/gu, '$1'));
  const asked = foldCase(name);
  const end = `@${foldCase(realm)}`;
  return own === (asked.endsWith(end) ? asked.slice(0, -end.length) : asked);
}
