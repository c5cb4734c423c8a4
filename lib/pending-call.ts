// The calls that wait for the native side. Each has its deadline and its signal. Only the deadline of a
// pending call keeps the process alive; nothing else of kpass does. Thousands of calls may be pending,
// so a call is small.

import { unwatch, watch } from './abort.js';
import { binding, FULL, NO_MEMORY, NO_THREAD } from './binding.js';
import { Deadlines, type Expiring } from './deadlines.js';
import { KpassError } from './errors.js';

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

/** A call to the native side. It settles with `Parts`; an abandoned one is described by `Abandoned`. */
export abstract class PendingCall<Parts extends readonly unknown[], Abandoned>
  implements Settling, Expiring
{
  readonly #timeout: number;
  readonly #signal: AbortSignal | undefined;
  /** By performance.now(). */
  protected readonly started = performance.now();
  #id = 0;
  #deadlines: Deadlines | undefined;

  /** `timeout` in ms. */
  constructor(timeout: number, signal: AbortSignal | undefined) {
    this.#timeout = timeout;
    this.#signal = signal;
  }

  /** The native side has the outcome. */
  protected abstract receive(parts: Parts): void;
  /** The call was abandoned: what the native side says of it. */
  protected abstract leave(abandoned: Abandoned): void;
  /** There is no outcome, for this reason. */
  abstract fail(reason: unknown): void;
  /** The reason for `fail` at the deadline. */
  protected abstract expired(abandoned: Abandoned): KpassError;

  /** `id`: the number that the native side gave the call, or its refusal. */
  protected wait(id: number): void {
    if (id < 0) {
      this.fail(notAdmitted(id));
      return;
    }
    this.#id = id;
    pending.set(id, this);
    this.#deadlines = Deadlines.of(this.#timeout);
    this.#deadlines.add(this);
    if (this.#signal !== undefined) watch(this.#signal, this);
  }

  get deadline(): number {
    return this.started + this.#timeout;
  }

  settle(parts: readonly unknown[]): void {
    this.#forget();
    this.receive(parts as unknown as Parts);
  }

  abort(reason: unknown): void {
    this.#abandon();
    this.fail(reason);
  }

  expire(): void {
    this.fail(this.expired(this.#abandon()));
  }

  #abandon(): Abandoned {
    this.#forget();
    const abandoned = binding.abandon(this.#id) as Abandoned;
    this.leave(abandoned);
    return abandoned;
  }

  #forget(): void {
    pending.delete(this.#id);
    this.#deadlines?.delete(this);
    if (this.#signal !== undefined) unwatch(this.#signal, this);
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
