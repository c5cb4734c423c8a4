// The options of the throttle, checked once.

import { isUint8Array } from 'node:util/types';
import { MAX_TIMEOUT } from '../settings.js';
import type { ThrottleStore } from '../throttle-store.js';
import { optionsObject, wholeNumber, wrongType, wrongValue } from '../validate.js';

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

const MOST_ATTEMPTS = 1_000;
/** A store reads all attempts at an account each time. */
const MOST_ATTEMPTS_IN_STORE = 100;
const LEAST_SECRET = 32;

const THROTTLE_KEYS = ['attempts', 'window', 'store', 'secret', 'fallback'] as const;

/** Null: there is no throttle. */
export function checkThrottle(value: unknown): Readonly<ThrottleOptions> | null {
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
