// Verifications, on a pool of threads.

import { binding, type NativeAsked, NativeOutcome, type Pool } from './binding.js';
import { isUnanswered, markCounted } from './counted.js';
import { nameUnlessRefused, tokenCanBeRight } from './credentials.js';
import { deadlinePassed, type KpassError } from './errors.js';
import { contextForVerify, tellFailure, tellVerdict } from './events.js';
import { nativeSettings } from './native-settings.js';
import { withBytesOffHeap } from './off-heap.js';
import { PendingCall, type PendingTerms, type Reject, type Resolve } from './pending-call.js';

/** How many calls have ended, by the kind of their end. */
interface Counts {
  verified: number;
  denied: number;
  failed: number;
  /** Of the verified and denied ones: those whose login was armored. */
  armored: number;
}

/** All that a call needs to know, apart from the user and the password. */
interface CallTerms<Result> extends PendingTerms {
  /** Counts the end of this call. */
  readonly counts: Counts;
  /**
   * Turns the outcome into the caller's result. `name` is the name that was asked for; empty if it was
   * refused. Throws if the outcome is an error.
   */
  readonly conclude: (outcome: NativeOutcome, name: string) => Result;
}

/**
 * One verification, on a thread of `pool`. The arguments must have been checked. `token`: the value of
 * the user's token. The password has been read when this returns. Rejects with a KpassError if there is no verdict, and with the signal's
 * reason if the signal is aborted.
 */
export function verify<Result>(
  pool: Pool,
  terms: CallTerms<Result>,
  user: string,
  password: string | Uint8Array,
  token: string | null = null,
): Promise<Result> {
  // One promise for each call: an async function or a chain of promises would make more.
  return new Promise((resolve, reject) => {
    new Call(terms, resolve, reject).start(pool, user, password, token);
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
  armored: false,
  byToken: false,
  armorMissing: '',
  service: '',
  realms: [],
  kdcs: [],
  trace: null,
  proofLeft: false,
};

class Call<Result> extends PendingCall<
  CallTerms<Result>,
  ConstructorParameters<typeof NativeOutcome>,
  NativeOutcome,
  NativeAsked,
  Result
> {
  /** The name that was asked for; empty if it was refused. */
  #name = '';
  #armored = false;

  constructor(terms: CallTerms<Result>, resolve: Resolve<Result>, reject: Reject) {
    super(terms, resolve, reject, contextForVerify(terms.settings));
  }

  start(pool: Pool, user: string, password: string | Uint8Array, token: string | null): void {
    try {
      if (!this.watched()) return;
      const name = nameUnlessRefused(user, password, this.terms.settings);
      const refused = name === null || (token !== null && !tokenCanBeRight(token));
      if (refused) this.conclude(REFUSED);
      else this.#submit(pool, name, password, token);
    } catch (error) {
      this.abort(error);
    }
  }

  #submit(pool: Pool, name: string, password: string | Uint8Array, token: string | null): void {
    const { settings, timeout } = this.terms;
    this.#name = name;
    const native = nativeSettings(settings);
    const id = withBytesOffHeap(password, (bytes) =>
      binding.submit(pool, native, name, bytes, timeout, token),
    );
    this.wait(id);
  }

  protected outcomeOf(parts: ConstructorParameters<typeof NativeOutcome>): NativeOutcome {
    const outcome = new NativeOutcome(...parts);
    this.#armored = outcome.armored;
    return outcome;
  }

  protected resultOf(outcome: NativeOutcome): Result {
    const result = this.#concluded(outcome);
    this.terms.counts[outcome.verified ? 'verified' : 'denied']++;
    if (outcome.armored) this.terms.counts.armored++;
    return result;
  }

  protected tellResult(outcome: NativeOutcome): void {
    tellVerdict(this.terms.settings, this.started, outcome);
  }

  protected countFailure(): void {
    this.terms.counts.failed++;
  }

  protected tellFailure(reason: unknown): void {
    tellFailure(this.terms.settings, this.started, reason, this.#armored);
  }

  protected expired(asked: NativeAsked): KpassError {
    const error = deadlinePassed(this.terms.settings, this.terms.timeout, asked);
    return asked.proofLeft ? markCounted(error) : error;
  }

  #concluded(outcome: NativeOutcome): Result {
    try {
      return this.terms.conclude(outcome, this.#name);
    } catch (error) {
      throw isUnanswered(outcome) ? markCounted(error as Error) : error;
    }
  }
}
