// The options that kpass/http adds to a verifier's, checked once. The defaults are filled in here.

import type { IncomingMessage } from 'node:http';
import { isUint8Array } from 'node:util/types';
import { MAX_TIMEOUT, VERIFIER_KEYS } from '../settings.js';
import {
  nonEmptyText,
  optionsObject,
  propertyOf,
  wholeNumber,
  wrongType,
  wrongValue,
} from '../validate.js';
import type { VerifierOptions } from '../verifier.js';
import type { ThrottleStore } from './store.js';

/** A request of Node's http, https or http2; or one of the Fetch API. */
export type AnyRequest = IncomingMessage | Request;

/**
 * A question of the operator's about a request. The request is of one kind at a time. The type says
 * both, so that a function for either kind will do.
 */
type Question = (request: IncomingMessage & Request) => boolean;

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
  /**
   * Where the attempts are counted, for many processes that count as one: `redisStore()` of
   * kpass/redis, or an object of your own. Default: in this process's memory.
   */
  store?: ThrottleStore | undefined;
  /**
   * The key of the HMACs that stand for users and passwords in the store. At least 32 bytes, the same in
   * all processes. Needed with a store.
   */
  secret?: string | Uint8Array | undefined;
  /**
   * What happens while the store is away. Default, 'refuse': no password goes to the KDC, and requests
   * get 503 (ERR_KPASS_STORE). 'memory': each process counts alone.
   */
  fallback?: 'refuse' | 'memory' | undefined;
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
/** A store reads all attempts at an account each time. */
const MOST_ATTEMPTS_IN_STORE = 100;
const LEAST_SECRET = 32;

const CACHE_KEYS = ['ttl', 'denyTtl', 'max'] as const;
const THROTTLE_KEYS = ['attempts', 'window', 'store', 'secret', 'fallback'] as const;

const HTTP_KEYS = ['realm', 'cache', 'throttle', 'secure', 'challenge'] as const;

/** The settings of kpass/http, and the options that are the Verifier's. */
export function checkHttpOptions(options: unknown): [HttpSettings, VerifierOptions] {
  const known = [...VERIFIER_KEYS, ...HTTP_KEYS];
  const { realm, cache, throttle, secure, challenge, ...verifier } = optionsObject(
    'options',
    options ?? null,
    known,
  );
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
  const given = optionsObject('throttle', value, THROTTLE_KEYS);
  const store = checkStore(given.store);
  const most = store === undefined ? MOST_ATTEMPTS : MOST_ATTEMPTS_IN_STORE;
  const secret = checkSecret(given.secret);
  if (store !== undefined && secret === undefined) {
    throw wrongValue('throttle.secret', 'is needed with a store', given.secret);
  }
  return {
    attempts: wholeNumber('throttle.attempts', given.attempts, 1, most),
    window: wholeNumber('throttle.window', given.window, 1, MAX_TIMEOUT),
    store,
    secret,
    fallback: checkFallback(given.fallback),
  };
}

function checkStore(value: unknown): ThrottleStore | undefined {
  if (value === undefined) return undefined;
  const methods = ['reserve', 'settle', 'forget'] as const;
  const store = value as Partial<ThrottleStore> | null;
  if (!methods.every((name) => typeof store?.[name] === 'function')) {
    throw wrongType('throttle.store', `an object with ${methods.join(', ')}`, value);
  }
  return store as ThrottleStore;
}

function checkSecret(value: unknown): string | Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' && !isUint8Array(value)) {
    throw wrongType('throttle.secret', 'a string or a Uint8Array', value);
  }
  if (Buffer.byteLength(value) < LEAST_SECRET) {
    // Not shown: it is a secret.
    throw wrongValue('throttle.secret', `must have at least ${LEAST_SECRET} bytes`, '…');
  }
  return value;
}

function checkFallback(value: unknown): 'refuse' | 'memory' {
  if (value === undefined) return 'refuse';
  if (value === 'refuse' || value === 'memory') return value;
  throw wrongValue('throttle.fallback', "must be 'refuse' or 'memory'", value);
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
