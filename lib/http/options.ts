// The options that kpass/http adds to a verifier's, checked once. The defaults are filled in here.

import type { IncomingMessage } from 'node:http';
import type { AcceptorOptions } from '../acceptor.js';
import { MAX_TIMEOUT, VERIFIER_KEYS } from '../settings.js';
import {
  type Given,
  nonEmptyText,
  optionsObject,
  propertyOf,
  texts,
  wholeNumber,
  wrongType,
  wrongValue,
} from '../validate.js';
import type { VerifierOptions } from '../verifier.js';
import type { Question } from './question.js';
import type { AnyRequest } from './request.js';
import type { SchemeName } from './scheme.js';

export interface CacheOptions {
  /** For how many ms verified credentials are remembered. Default: 60,000. */
  ttl?: number | undefined;
  /** For how many ms refused credentials are remembered. Default: 10,000. */
  denyTtl?: number | undefined;
  /**
   * The most credentials of each kind that are remembered. The least recently used are forgotten
   * first. Default: 10,000.
   */
  max?: number | undefined;
}

export interface ThrottleOptions {
  /**
   * After this many wrong passwords for one name, no password for it goes to the KDC. Choose a number
   * below the KDC's own limit.
   */
  attempts: number;
  /**
   * ms after the last wrong password until all are forgotten. Choose at least the time after which
   * the KDC forgets them.
   */
  window: number;
}

export interface BasicAuthOptions extends VerifierOptions {
  /** A text that the challenge shows to the user. Not used as a Kerberos realm. Printable ASCII. */
  realm: string;
  /**
   * For how long credentials are remembered: one login at the KDC then serves many requests. False:
   * credentials are not remembered. Even then, requests with the same credentials at the same time
   * share one verification.
   */
  cache?: false | CacheOptions | undefined;
  /** Keeps strangers from locking an account of the realm through this server. Default: off. */
  throttle?: false | ThrottleOptions | undefined;
  /**
   * Whether the request came over a connection that nobody can listen to. Only `true` means yes.
   * Default: whether its socket is a TLS socket. A Fetch API Request does not show its connection, so
   * by default it is not secure.
   */
  secure?: Question | undefined;
  /**
   * Whether a 401 to this request carries the challenge, for which a browser shows its dialogue.
   * False suits XHR and fetch. Default: true.
   */
  challenge?: Question | undefined;
}

export interface NegotiateOptions extends Pick<AcceptorOptions, 'hosts' | 'bindings' | 'replay'> {
  /**
   * Whether to offer Negotiate in the answer to this request. Only `true` means yes. Suits clients that
   * are known to have no ticket. Default: true.
   */
  when?: ((request: IncomingMessage) => boolean) | undefined;
}

export interface KerberosAuthOptions extends BasicAuthOptions {
  /** The schemes to offer. The order has no meaning: Negotiate comes first. Default: both. */
  schemes?: readonly SchemeName[] | undefined;
  /** How users log in with their tickets. */
  negotiate?: NegotiateOptions | undefined;
}

export interface HttpSettings {
  readonly realm: string;
  readonly cache: Readonly<Required<{ ttl: number; denyTtl: number; max: number }>> | null;
  readonly throttle: Readonly<ThrottleOptions> | null;
  readonly secure: Question;
  readonly challenge: Question;
}

// A limit for memory. A Map could hold 2 ** 24 entries.
const MOST_ENTRIES = 1_000_000;
const MOST_ATTEMPTS = 1_000;

const SCHEMES: readonly SchemeName[] = ['Negotiate', 'Basic'];

const CACHE_KEYS = ['ttl', 'denyTtl', 'max'] as const;
const THROTTLE_KEYS = ['attempts', 'window'] as const;

const BASIC_KEYS = [...VERIFIER_KEYS, 'realm', 'cache', 'throttle', 'secure', 'challenge'] as const;
const KERBEROS_KEYS = [...BASIC_KEYS, 'schemes', 'negotiate'] as const;
const NEGOTIATE_KEYS = ['hosts', 'bindings', 'replay', 'when'] as const;

/** The settings of basicAuth(), and the options that are the Verifier's. */
export function checkBasicOptions(options: unknown): [HttpSettings, VerifierOptions] {
  return settingsOf(optionsObject('options', options ?? null, BASIC_KEYS));
}

export interface KerberosSettings extends HttpSettings {
  readonly schemes: readonly SchemeName[];
  readonly when: Question;
  /** The Acceptor checks them. */
  readonly acceptor: AcceptorOptions;
}

/** The settings of kerberosAuth(), and the options that are the Verifier's. */
export function checkKerberosOptions(options: unknown): [KerberosSettings, VerifierOptions] {
  const given = optionsObject('options', options ?? null, KERBEROS_KEYS);
  const { schemes, negotiate, ...basic } = given;
  const { when, ...rules } = optionsObject('negotiate', negotiate, NEGOTIATE_KEYS);
  const [settings, verifier] = settingsOf(basic);
  const { service, host, keytab, realms, config, trace } = verifier;
  const acceptor = { service, host, keytab, realms, config, trace, ...rules } as AcceptorOptions;
  const ask = checkFunction('negotiate.when', when, () => true);
  return [{ ...settings, schemes: checkSchemes(schemes), when: ask, acceptor }, verifier];
}

function settingsOf(given: Given<(typeof BASIC_KEYS)[number]>): [HttpSettings, VerifierOptions] {
  const { realm, cache, throttle, secure, challenge, ...verifier } = given;
  const settings = {
    realm: checkRealm(realm),
    cache: checkCache(cache),
    throttle: checkThrottle(throttle),
    secure: checkFunction('secure', secure, isTls),
    challenge: checkFunction('challenge', challenge, () => true),
  };
  // The Verifier checks them.
  return [settings, verifier as unknown as VerifierOptions];
}

function checkSchemes(value: unknown): readonly SchemeName[] {
  const given = value === undefined ? SCHEMES : texts('schemes', value);
  for (const each of given) {
    if ((SCHEMES as readonly string[]).includes(each)) continue;
    throw wrongValue('schemes', `must be of ${SCHEMES.join(' and ')}`, each);
  }
  return SCHEMES.filter((scheme) => given.includes(scheme));
}

// RFC 9110, 5.6.4 allows more in a quoted-string. But browsers do not agree on a character set beyond
// ASCII, and a line break would end the header.
function checkRealm(value: unknown): string {
  const realm = nonEmptyText('realm', value);
  if (!/^[\x20-\x7e]+$/.test(realm)) {
    throw wrongValue('realm', 'must be printable ASCII', value);
  }
  return realm;
}

function checkCache(value: unknown): HttpSettings['cache'] {
  if (value === false) return null;
  if (value !== undefined && typeof value !== 'object') {
    throw wrongType('cache', 'false or an object', value);
  }
  const {
    ttl = 60_000,
    denyTtl = 10_000,
    max = 10_000,
  } = optionsObject('cache', value, CACHE_KEYS);
  return {
    ttl: wholeNumber('cache.ttl', ttl, 0, MAX_TIMEOUT),
    denyTtl: wholeNumber('cache.denyTtl', denyTtl, 0, MAX_TIMEOUT),
    max: wholeNumber('cache.max', max, 1, MOST_ENTRIES),
  };
}

function checkThrottle(value: unknown): HttpSettings['throttle'] {
  if (value === undefined || value === false) return null;
  if (typeof value !== 'object') throw wrongType('throttle', 'false or an object', value);
  const { attempts, window } = optionsObject('throttle', value, THROTTLE_KEYS);
  return {
    attempts: wholeNumber('throttle.attempts', attempts, 1, MOST_ATTEMPTS),
    window: wholeNumber('throttle.window', window, 1, MAX_TIMEOUT),
  };
}

function checkFunction(name: string, value: unknown, byDefault: Question): Question {
  if (value === undefined) return byDefault;
  if (typeof value !== 'function') throw wrongType(name, 'a function', value);
  return value as Question;
}

function isTls(request: AnyRequest): boolean {
  const socket = propertyOf(request, 'socket');
  return typeof socket === 'object' && socket !== null && propertyOf(socket, 'encrypted') === true;
}
