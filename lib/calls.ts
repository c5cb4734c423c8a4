// The pending calls. Each has its promise, its deadline and its signal. Only the deadline of a pending
// call keeps the process alive; nothing else of kpass does. Thousands of calls may be pending, so a
// call is small.

import { unwatch, watch } from './abort.js';
import {
  binding,
  FULL,
  type NativeAsked,
  NativeOutcome,
  NO_MEMORY,
  NO_THREAD,
  type Pool,
} from './binding.js';
import { nameUnlessRefused } from './credentials.js';
import { Deadlines, type Expiring } from './deadlines.js';
import { deadlinePassed, KpassError } from './errors.js';
import { tellFailure, tellTrace, tellVerdict } from './events.js';
import { nativeSettings } from './native-settings.js';
import { withBytesOffHeap } from './off-heap.js';
import type { Settings } from './settings.js';

/** How many calls have ended, by the kind of their end. */
interface Counts {
  verified: number;
  denied: number;
  failed: number;
}

/** All that a call needs to know, apart from the user and the password. */
interface CallTerms<Result> {
  readonly settings: Settings;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Counts the end of this call. */
  readonly counts: Counts;
  /**
   * Turns the outcome into the caller's result. `name` is the name that was asked for; empty if it was
   * refused. Throws if the outcome is an error.
   */
  readonly conclude: (outcome: NativeOutcome, name: string) => Result;
}

/**
 * One verification, on a thread of `pool`. The arguments must have been checked. The password has been
 * read when this returns. Rejects with a KpassError if there is no verdict, and with the signal's
 * reason if the signal is aborted.
 */
export function verify<Result>(
  pool: Pool,
  terms: CallTerms<Result>,
  user: string,
  password: string | Uint8Array,
): Promise<Result> {
  // One promise for each call: an async function or a chain of promises would make more.
  return new Promise((resolve, reject) => {
    const name = nameUnlessRefused(user, password, terms.settings);
    const call = new Call(terms, name ?? '', resolve, reject);
    if (terms.signal?.aborted) call.fail(terms.signal.reason);
    else if (name === null) call.conclude(REFUSED);
    else call.submit(pool, password);
  });
}

/** The outcome of a user and a password that can never be right. No packet has left for them. */
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

interface Pending {
  settle(outcome: NativeOutcome): void;
}

// This file may be loaded more than once over one addon: jest loads it for each test file. The addon
// takes one function that settles calls. So the table of pending calls is kept on the addon, and every
// copy of this file uses it.
const TABLE = Symbol.for('kpass.pending');
const owner = binding as typeof binding & { [TABLE]?: Map<number, Pending> };

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
  readonly #terms: CallTerms<Result>;
  readonly #name: string;
  readonly #resolve: (result: Result) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #started = performance.now();
  #id = 0;
  #deadlines: Deadlines | undefined;

  constructor(
    terms: CallTerms<Result>,
    name: string,
    resolve: (result: Result) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#terms = terms;
    this.#name = name;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(pool: Pool, password: string | Uint8Array): void {
    const { settings, timeout, signal } = this.#terms;
    const native = nativeSettings(settings);
    const id = withBytesOffHeap(password, (bytes) =>
      binding.submit(pool, native, this.#name, bytes, timeout),
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

  /** The native side has the outcome. */
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
      const result = this.#terms.conclude(outcome, this.#name);
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

  #abandon(): NativeAsked {
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
      throw new RangeError(`unknown refusal ${refusal}`);
  }
}
