// The calls that wait for the native side. Each has its deadline and its signal. Only the deadline of a
// pending call keeps the process alive; nothing else of kpass does. Thousands of calls may be pending,
// so a call is small.
//
// Code of the caller's runs in here: the signal's methods, subscribers and trace functions. So a call
// is never submitted before its signal is watched, and settles before it runs such code.

import type { AsyncResource } from 'node:async_hooks';
import { unwatch, watch } from './abort.js';
import { binding, FULL, type NativeTrace, NO_MEMORY, NO_THREAD } from './binding.js';
import { Deadlines, type Expiring } from './deadlines.js';
import { KpassError } from './errors.js';
import { tellTrace } from './events.js';
import type { OpenCalls } from './open-calls.js';
import type { Settings } from './settings.js';
import { now } from './time.js';

interface Settling {
  settle(parts: readonly unknown[]): void;
}

// This file may be loaded more than once over one addon: jest loads it for each test file. The addon
// takes one function that settles calls. So the table of pending calls is kept on the addon, and every
// copy of this file uses it.
const TABLE = Symbol.for('kpass.pending');
const owner = binding as typeof binding & { [TABLE]?: Map<number, Settling> };

function pendingCalls(): Map<number, Settling> {
  if (owner[TABLE] === undefined) {
    const table = new Map<number, Settling>();
    owner[TABLE] = table;
    binding.start((id, ...parts) => table.get(id)?.settle(parts));
  }
  return owner[TABLE];
}

const pending = pendingCalls();

/** What every call needs to know. */
export interface PendingTerms {
  readonly settings: Settings;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Counts this call while it has no end. */
  readonly open?: OpenCalls;
}

/** The functions that settle the caller's promise. */
export type Resolve<Result> = (result: Result) => void;
export type Reject = (reason: unknown) => void;

/**
 * A call to the native side, which settles it with `Parts` of an `Outcome`. `Abandoned` describes a call
 * that was given up.
 */
export abstract class PendingCall<
  Terms extends PendingTerms,
  Parts extends readonly unknown[],
  Outcome extends { readonly trace: NativeTrace },
  Abandoned extends { readonly trace: NativeTrace } | undefined,
  Result,
> implements Settling, Expiring
{
  protected readonly terms: Terms;
  /** By now(). */
  protected readonly started = now();
  readonly #resolve: Resolve<Result>;
  readonly #reject: Reject;
  readonly #context: AsyncResource | undefined;
  #id = 0;
  #deadlines: Deadlines | undefined;
  #ended = false;

  /** `context`: the async context of the caller; undefined if nobody listens. */
  constructor(
    terms: Terms,
    resolve: Resolve<Result>,
    reject: Reject,
    context: AsyncResource | undefined,
  ) {
    this.terms = terms;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#context = context;
    terms.open?.begin();
  }

  protected abstract outcomeOf(parts: Parts): Outcome;
  /** Counts the outcome. Throws if it is an error. */
  protected abstract resultOf(outcome: Outcome): Result;
  protected abstract tellResult(outcome: Outcome, result: Result): void;
  protected abstract countFailure(): void;
  protected abstract tellFailure(reason: unknown): void;
  /** The error of the deadline. */
  protected abstract expired(abandoned: Abandoned): KpassError;

  /** From now on, the signal ends the call. False: it has already. Throws an error of the signal. */
  protected watched(): boolean {
    const { signal } = this.terms;
    if (signal === undefined) return true;
    watch(signal, this);
    if (signal.aborted) this.abort(signal.reason);
    return !this.#ended;
  }

  /** `id`: the number that the native side gave the call, or its refusal. */
  protected wait(id: number): void {
    if (id < 0) {
      this.#end();
      this.#fail(notAdmitted(id));
      return;
    }
    this.#id = id;
    pending.set(id, this);
    this.#deadlines = Deadlines.of(this.terms.timeout);
    this.#deadlines.add(this);
  }

  get deadline(): number {
    return this.started + this.terms.timeout;
  }

  settle(parts: readonly unknown[]): void {
    this.conclude(this.outcomeOf(parts as unknown as Parts));
  }

  protected conclude(outcome: Outcome): void {
    if (!this.#end()) return;
    this.#tellTrace(outcome.trace);
    let result: Result;
    try {
      result = this.resultOf(outcome);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#resolve(result);
    this.terms.open?.end();
    this.#unwatch();
    if (this.#context === undefined) this.tellResult(outcome, result);
    else this.#context.runInAsyncScope(this.tellResult, this, outcome, result);
  }

  abort(reason: unknown): void {
    if (!this.#end()) return;
    this.#abandon();
    this.#fail(reason);
  }

  expire(): void {
    if (!this.#end()) return;
    this.#fail(this.expired(this.#abandon()));
  }

  /** True the first time only. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    pending.delete(this.#id);
    this.#deadlines?.delete(this);
    return true;
  }

  #fail(reason: unknown): void {
    this.countFailure();
    this.#reject(reason);
    this.terms.open?.end();
    this.#unwatch();
    if (this.#context === undefined) this.tellFailure(reason);
    else this.#context.runInAsyncScope(this.tellFailure, this, reason);
  }

  #abandon(): Abandoned {
    const abandoned = binding.abandon(this.#id) as unknown as Abandoned;
    this.#tellTrace(abandoned?.trace ?? null);
    return abandoned;
  }

  #tellTrace(trace: NativeTrace): void {
    if (trace === null) return;
    this.#context?.runInAsyncScope(tellTrace, undefined, this.terms.settings.trace, trace);
  }

  #unwatch(): void {
    if (this.terms.signal !== undefined) unwatch(this.terms.signal, this);
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
