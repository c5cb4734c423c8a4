// The calls that are on their way through a pool, each with its promise, its
// deadline and its signal. The deadline of a pending promise is what keeps the process
// alive; nothing else of kpass does. A call waits here in thousands: it is small.

import { refused, type Settings } from './arguments.js';
import {
  binding,
  FIRST_CONFIG,
  FULL,
  LAST_CONFIG,
  NativeOutcome,
  type NativeSettings,
  NO_MEMORY,
  NO_THREAD,
  type Pool,
} from './binding.js';
import { Deadlines, type Expiring } from './deadlines.js';
import { deadlinePassed, KpassError } from './errors.js';
import { tellFailure, tellTrace, tellVerdict } from './events.js';
import { withBytesOutside } from './outside.js';

/** How many verifications came to what. */
export interface Counts {
  verified: number;
  denied: number;
  failed: number;
}

/** One verification's own terms. */
export interface Terms<Result> {
  readonly settings: Settings;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Where its end is counted. */
  readonly counts: Counts;
  /** What the outcome is to the caller; throws where it is an error. */
  readonly conclude: (outcome: NativeOutcome, user: string) => Result;
}

/**
 * One verification, its arguments checked, on a thread of `pool`. The password has been read when
 * this returns. Rejects with a KpassError where there is no verdict, and with the signal's reason
 * once that is aborted.
 */
export function verify<Result>(
  pool: Pool,
  terms: Terms<Result>,
  user: string,
  password: string | Uint8Array,
): Promise<Result> {
  // Not an async function, nor a chain of promises: a call has one, which Call settles.
  return new Promise((resolve, reject) => {
    const call = new Call(terms, user, resolve, reject);
    if (terms.signal?.aborted) call.fail(terms.signal.reason);
    else if (refused(user, password)) call.conclude(REFUSED);
    else call.submit(pool, password);
  });
}

/** The outcome of what no packet leaves for. */
const REFUSED: NativeOutcome = {
  verified: false,
  step: 'input',
  code: 0,
  message: '',
  principal: '',
  realm: '',
  keytab: '',
  keytabExposed: false,
  service: '',
  realms: [],
  kdcs: [],
  trace: null,
};

// This file may be loaded anew over the same addon (jest does it for each test file). The calls
// under way belong to the addon, so the table of them is kept with it: by all its users, once.
const TABLE = Symbol.for('kpass.pending');
const owner = binding as typeof binding & { [TABLE]?: Map<number, Pending> };

interface Pending {
  settle(outcome: NativeOutcome): void;
}

function pendingCalls(): Map<number, Pending> {
  if (owner[TABLE] === undefined) {
    const table = new Map<number, Pending>();
    owner[TABLE] = table;
    binding.start((id, ...outcome) => table.get(id)?.settle(new NativeOutcome(...outcome)));
  }
  return owner[TABLE];
}

const pending = pendingCalls();

class Call<Result> implements Pending, Expiring {
  readonly #terms: Terms<Result>;
  readonly #user: string;
  readonly #resolve: (result: Result) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #started = performance.now();
  #id = 0;
  #deadlines: Deadlines | undefined;

  constructor(
    terms: Terms<Result>,
    user: string,
    resolve: (result: Result) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#terms = terms;
    this.#user = user;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(pool: Pool, password: string | Uint8Array): void {
    const { settings, timeout, signal } = this.#terms;
    const native = nativeSettings(settings);
    const id = withBytesOutside(password, (bytes) =>
      binding.submit(pool, native, this.#user, bytes, timeout),
    );
    if (id < 0) {
      this.fail(notAdmitted(id));
      return;
    }
    this.#id = id;
    pending.set(id, this);
    this.#deadlines = Deadlines.of(timeout);
    this.#deadlines.add(this);
    if (signal !== undefined) watch(signal, this);
  }

  get deadline(): number {
    return this.#started + this.#terms.timeout;
  }

  /** The native side has its outcome. */
  settle(outcome: NativeOutcome): void {
    this.#forget();
    tellTrace(this.#terms.settings.trace, outcome.trace);
    this.conclude(outcome);
  }

  abort(reason: unknown): void {
    this.#abandon();
    this.fail(reason);
  }

  expire(): void {
    const { settings, timeout } = this.#terms;
    this.fail(deadlinePassed(settings, timeout, this.#abandon()));
  }

  conclude(outcome: NativeOutcome): void {
    try {
      const result = this.#terms.conclude(outcome, this.#user);
      this.#terms.counts[outcome.verified ? 'verified' : 'denied']++;
      tellVerdict(this.#terms.settings, this.#started, outcome);
      this.#resolve(result);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(reason: unknown): void {
    this.#terms.counts.failed++;
    tellFailure(this.#terms.settings, this.#started, reason);
    this.#reject(reason);
  }

  #abandon() {
    this.#forget();
    const asked = binding.abandon(this.#id);
    tellTrace(this.#terms.settings.trace, asked.trace);
    return asked;
  }

  #forget(): void {
    pending.delete(this.#id);
    this.#deadlines?.delete(this);
    if (this.#terms.signal !== undefined) unwatch(this.#terms.signal, this);
  }
}

interface Abortable {
  abort(reason: unknown): void;
}

/** The calls that wait with a signal. It has one listener for all: Node warns of more than ten. */
const watched = new WeakMap<AbortSignal, Set<Abortable>>();

function watch(signal: AbortSignal, call: Abortable): void {
  const calls = watched.get(signal) ?? new Set();
  watched.set(signal, calls);
  if (calls.size === 0) signal.addEventListener('abort', abortAll);
  calls.add(call);
}

function unwatch(signal: AbortSignal, call: Abortable): void {
  const calls = watched.get(signal);
  if (calls?.delete(call) && calls.size === 0) signal.removeEventListener('abort', abortAll);
}

function abortAll({ target }: Event): void {
  const signal = target as AbortSignal;
  for (const call of [...(watched.get(signal) ?? [])]) call.abort(signal.reason);
}

interface Prepared {
  /** The system's files of krb5.conf, where the settings name none. */
  system: string;
  native: NativeSettings;
}
const prepared = new WeakMap<Settings, Prepared>();

/** The native side's copy, made once, and again when KRB5_CONFIG has changed. */
function nativeSettings(settings: Settings): NativeSettings {
  const system = settings.config === null ? binding.defaultConfig() : '';
  const known = prepared.get(settings);
  if (known?.system === system) return known.native;
  const native = binding.settings({
    ...settings,
    firstConfig: FIRST_CONFIG,
    config: settings.config ?? system.split(':'),
    lastConfig: LAST_CONFIG,
    trace: settings.trace !== undefined,
    configNamed: settings.config !== null,
  });
  prepared.set(settings, { system, native });
  return native;
}

function notAdmitted(refusal: number): KpassError {
  switch (refusal) {
    case FULL:
      return new KpassError('ERR_KPASS_BUSY', 'every thread is busy and the queue is full', {
        step: 'queue',
      });
    case NO_THREAD:
      return new KpassError('ERR_KPASS_INTERNAL', 'the system refuses to start a thread', {
        step: 'pthread_create',
      });
    case NO_MEMORY:
      return new KpassError('ERR_KPASS_INTERNAL', 'the system is out of memory', {
        step: 'malloc',
      });
    default:
      throw new RangeError(`refusal ${refusal}`);
  }
}
