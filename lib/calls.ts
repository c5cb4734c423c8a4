// Verifications, on a pool of threads.

import { binding, type NativeAsked, NativeOutcome, type Pool } from './binding.js';
import { nameUnlessRefused } from './credentials.js';
import { deadlinePassed, type KpassError } from './errors.js';
import { tellFailure, tellTrace, tellVerdict } from './events.js';
import { nativeSettings } from './native-settings.js';
import { withBytesOffHeap } from './off-heap.js';
import { PendingCall } from './pending-call.js';
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

class Call<Result> extends PendingCall<ConstructorParameters<typeof NativeOutcome>, NativeAsked> {
  readonly #terms: CallTerms<Result>;
  readonly #name: string;
  readonly #resolve: (result: Result) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    terms: CallTerms<Result>,
    name: string,
    resolve: (result: Result) => void,
    reject: (reason: unknown) => void,
  ) {
    super(terms.timeout, terms.signal);
    this.#terms = terms;
    this.#name = name;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(pool: Pool, password: string | Uint8Array): void {
    const { settings, timeout } = this.#terms;
    const native = nativeSettings(settings);
    const id = withBytesOffHeap(password, (bytes) =>
      binding.submit(pool, native, this.#name, bytes, timeout),
    );
    this.wait(id);
  }

  conclude(outcome: NativeOutcome): void {
    try {
      const result = this.#terms.conclude(outcome, this.#name);
      this.#terms.counts[outcome.verified ? 'verified' : 'denied']++;
      tellVerdict(this.#terms.settings, this.started, outcome);
      this.#resolve(result);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(reason: unknown): void {
    this.#terms.counts.failed++;
    tellFailure(this.#terms.settings, this.started, reason);
    this.#reject(reason);
  }

  protected receive(parts: ConstructorParameters<typeof NativeOutcome>): void {
    const outcome = new NativeOutcome(...parts);
    tellTrace(this.#terms.settings.trace, outcome.trace);
    this.conclude(outcome);
  }

  protected leave(asked: NativeAsked): void {
    tellTrace(this.#terms.settings.trace, asked.trace);
  }

  protected expired(asked: NativeAsked): KpassError {
    const { settings, timeout } = this.#terms;
    return deadlinePassed(settings, timeout, asked);
  }
}
