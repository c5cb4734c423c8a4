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
import { refused } from './credentials.js';
import { Deadlines, type Expiring } from './deadlines.js';
import { deadlinePassed, KpassError } from './errors.js';
import { type Context, contextFor, tellFailure, tellTrace, tellVerdict, within } from './events.js';
import { nativeSettings } from './native-settings.js';
import { withBytesOffHeap } from './off-heap.js';
import type { Settings } from './settings.js';
import { now } from './time.js';

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
  /** Turns the outcome into the caller's result. Throws if the outcome is an error. */
  readonly conclude: (outcome: NativeOutcome, user: string) => Result;
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
    new Call(terms, user, resolve, reject).start(pool, password);
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

// Code of the caller's runs in here: the signal's methods, and those that listen. So a call settles
// before it runs such code, and is never sent before its signal is watched.
class Call<Result> implements Pending, Expiring {
  readonly #terms: CallTerms<Result>;
  readonly #user: string;
  readonly #resolve: (result: Result) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #started = now();
  readonly #context: Context;
  #id = 0;
  #deadlines: Deadlines | undefined;
  #ended = false;

  constructor(
    terms: CallTerms<Result>,
    user: string,
    resolve: (result: Result) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#terms = terms;
    this.#user = user;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#context = contextFor(terms.settings);
  }

  start(pool: Pool, password: string | Uint8Array): void {
    const { signal } = this.#terms;
    try {
      if (signal !== undefined) watch(signal, this);
      if (signal?.aborted) this.abort(signal.reason);
      else if (refused(this.#user, password)) this.settle(REFUSED);
      else if (!this.#ended) this.#submit(pool, password);
    } catch (error) {
      this.abort(error);
    }
  }

  #submit(pool: Pool, password: string | Uint8Array): void {
    const { settings, timeout } = this.#terms;
    const native = nativeSettings(settings);
    const id = withBytesOffHeap(password, (bytes) =>
      binding.submit(pool, native, this.#user, bytes, timeout),
    );
    if (id < 0) {
      this.#end();
      this.#fail(notAdmitted(id));
      return;
    }
    this.#id = id;
    pending.set(id, this);
    this.#deadlines = Deadlines.of(timeout);
    this.#deadlines.add(this);
  }

  get deadline(): number {
    return this.#started + this.#terms.timeout;
  }

  /** The outcome is there. */
  settle(outcome: NativeOutcome): void {
    if (!this.#end()) return;
    this.#tellTrace(outcome);
    let result: Result;
    try {
      result = this.#terms.conclude(outcome, this.#user);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#terms.counts[outcome.verified ? 'verified' : 'denied']++;
    this.#resolve(result);
    this.#unwatch();
    within(this.#context, tellVerdict, this.#terms.settings, this.#started, outcome);
  }

  abort(reason: unknown): void {
    if (!this.#end()) return;
    this.#abandon();
    this.#fail(reason);
  }

  expire(): void {
    if (!this.#end()) return;
    const { settings, timeout } = this.#terms;
    this.#fail(deadlinePassed(settings, timeout, this.#abandon()));
  }

  #fail(reason: unknown): void {
    this.#terms.counts.failed++;
    this.#reject(reason);
    this.#unwatch();
    within(this.#context, tellFailure, this.#terms.settings, this.#started, reason);
  }

  #abandon(): NativeAsked {
    const asked = binding.abandon(this.#id);
    this.#tellTrace(asked);
    return asked;
  }

  #tellTrace({ trace }: NativeAsked): void {
    if (trace !== null) within(this.#context, tellTrace, this.#terms.settings.trace, trace);
  }

  /** False if the call has ended before. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    pending.delete(this.#id);
    this.#deadlines?.delete(this);
    return true;
  }

  #unwatch(): void {
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
