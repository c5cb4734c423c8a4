// The calls that are on their way through a pool, each with its promise, its
// deadline and its signal. A pending promise's timer is what keeps the process
// alive; nothing else of kpass does. A call waits here in thousands: it is small.

// Not the globals: a test with fake timers would stop the deadlines.
import { clearTimeout, setTimeout } from 'node:timers';
import { refused, type Settings } from './arguments.js';
import {
  binding,
  FIRST_CONFIG,
  LAST_CONFIG,
  type NativeOutcome,
  type NativeSettings,
  type Pool,
} from './binding.js';
import { KpassError } from './errors.js';
import { type Verdict, verdictOf } from './verdict.js';

/** How many verifications came to what. */
export interface Counts {
  verified: number;
  denied: number;
  failed: number;
}

/** One verification's own terms. */
export interface Terms {
  readonly settings: Settings;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Where its end is counted. */
  readonly counts: Counts;
}

/**
 * One verification, its arguments checked, on a thread of `pool`. The password has been read when
 * this returns. Rejects with a KpassError where there is no verdict, and with the signal's reason
 * once that is aborted.
 */
export function verify(
  pool: Pool,
  terms: Terms,
  user: string,
  password: string | Uint8Array,
): Promise<Verdict> {
  // Not an async function, nor a chain of promises: a call has one, which Call settles.
  return new Promise((resolve, reject) => {
    const call = new Call(terms, resolve, reject);
    if (terms.signal?.aborted) call.fail(terms.signal.reason);
    else if (refused(user, password)) call.decide({ verified: false, reason: 'credentials' });
    else call.submit(pool, user, password);
  });
}

const pending = new Map<number, Call>();
let lastId = 0;

binding.start((id, outcome) => pending.get(id)?.settle(outcome));

class Call {
  readonly #terms: Terms;
  readonly #resolve: (verdict: Verdict) => void;
  readonly #reject: (reason: unknown) => void;
  #id = 0;
  #timer: NodeJS.Timeout | undefined;
  #onAbort: (() => void) | undefined;

  constructor(
    terms: Terms,
    resolve: (verdict: Verdict) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#terms = terms;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(pool: Pool, user: string, password: string | Uint8Array): void {
    const { settings, timeout, signal } = this.#terms;
    lastId = (lastId + 1) >>> 0; // the native side counts in 32 bits
    this.#id = lastId;
    const admission = binding.submit(pool, this.#id, nativeSettings(settings), user, password);
    if (admission !== 'accepted') {
      this.fail(NOT_ADMITTED[admission]());
      return;
    }
    pending.set(this.#id, this);
    this.#timer = setTimeout(expire, timeout, this);
    if (signal === undefined) return;
    this.#onAbort = () => this.#abandon(signal.reason);
    signal.addEventListener('abort', this.#onAbort);
  }

  /** The native side has its outcome. */
  settle(outcome: NativeOutcome): void {
    this.#forget();
    try {
      this.decide(verdictOf(outcome));
    } catch (error) {
      this.fail(error);
    }
  }

  expire(): void {
    this.#abandon(deadlinePassed(this.#terms));
  }

  decide(verdict: Verdict): void {
    this.#terms.counts[verdict.verified ? 'verified' : 'denied']++;
    this.#resolve(verdict);
  }

  fail(reason: unknown): void {
    this.#terms.counts.failed++;
    this.#reject(reason);
  }

  #abandon(reason: unknown): void {
    this.#forget();
    binding.abandon(this.#id);
    this.fail(reason);
  }

  #forget(): void {
    pending.delete(this.#id);
    clearTimeout(this.#timer);
    if (this.#onAbort) this.#terms.signal?.removeEventListener('abort', this.#onAbort);
  }
}

/** One function for all timers: a closure for each would cost each call. */
function expire(call: Call): void {
  call.expire();
}

interface Prepared {
  config: string;
  native: NativeSettings;
}
const prepared = new WeakMap<Settings, Prepared>();

/** The native side's copy, made once, and again when KRB5_CONFIG has changed. */
function nativeSettings(settings: Settings): NativeSettings {
  const files = settings.config ?? binding.defaultConfig();
  const config = files.join('\0');
  const known = prepared.get(settings);
  if (known?.config === config) return known.native;
  const native = binding.settings({
    ...settings,
    firstConfig: FIRST_CONFIG,
    config: files,
    lastConfig: LAST_CONFIG,
    configNamed: settings.config !== null,
  });
  prepared.set(settings, { config, native });
  return native;
}

const NOT_ADMITTED = {
  full: () =>
    new KpassError('ERR_KPASS_BUSY', 'every thread is busy and the queue is full', {
      step: 'queue',
    }),
  'no-thread': () =>
    new KpassError('ERR_KPASS_INTERNAL', 'the system refuses to start a thread', {
      step: 'pthread_create',
    }),
  'no-memory': () =>
    new KpassError('ERR_KPASS_INTERNAL', 'the system is out of memory', { step: 'malloc' }),
};

function deadlinePassed({ settings: { service, host }, timeout }: Terms): KpassError {
  const asked = `${service}/${host ?? "this machine's name"}`;
  return new KpassError(
    'ERR_KPASS_TIMEOUT',
    `no verdict within ${timeout} ms for service ${asked}: the KDCs that krb5.conf or DNS names ` +
      'do not answer in time, or too many verifications wait for them',
    { step: 'deadline' },
  );
}
