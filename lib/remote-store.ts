// A store that this process shares with others, with a deadline: it may be away, silent or slow.

import { KpassError } from './errors.js';
import type {
  Attempt,
  Awaitable,
  End,
  Reservation,
  Terms,
  ThrottleStore,
} from './throttle-store.js';
import { clearTimeout, setTimeout } from './time.js';

/** ms for each call of the store. */
const DEADLINE = 1_000;

const RESERVATIONS: readonly unknown[] = ['granted', 'refused', 'wait'] satisfies Reservation[];

export class RemoteStore {
  readonly #store: ThrottleStore;

  constructor(store: ThrottleStore) {
    this.#store = store;
  }

  /**
   * Rejects with ERR_KPASS_STORE if the store fails or does not answer in time. Whatever the store then
   * granted, or grants later, is given back.
   */
  async reserve(account: string, attempt: Attempt, terms: Terms): Promise<Reservation> {
    const giveBack = () => {
      // If this fails too, the attempt counts until the window has passed.
      this.#call('settle', () => this.#store.settle(account, attempt, 'none', terms)).catch(
        () => {},
      );
    };
    const reserve = () => this.#store.reserve(account, attempt, terms);
    const answer = await this.#call('reserve', reserve, giveBack);
    if (RESERVATIONS.includes(answer)) return answer;
    throw storeError('reserve', new TypeError('its answer is not granted, refused or wait'));
  }

  settle(account: string, attempt: Attempt, end: End, terms: Terms): Promise<void> {
    return this.#call('settle', () => this.#store.settle(account, attempt, end, terms));
  }

  forget(account: string): Promise<void> {
    return this.#call('forget', () => this.#store.forget(account));
  }

  /** `failed` is called once the call has an end of its own, if that is an error or late. */
  #call<Value>(step: string, run: () => Awaitable<Value>, failed?: () => void): Promise<Value> {
    return new Promise((resolve, reject) => {
      let late = false;
      const giveUp = () => {
        late = true;
        reject(storeError(step, new Error(`no answer within ${DEADLINE} ms`)));
      };
      // A process that was too busy to read the answer reads it first.
      const timer = setTimeout(() => setImmediate(giveUp), DEADLINE);
      // A store of the caller's may throw.
      new Promise<Value>((answer) => answer(run())).then(
        (value) => {
          clearTimeout(timer);
          if (late) failed?.();
          else resolve(value);
        },
        (cause) => {
          clearTimeout(timer);
          failed?.();
          reject(storeError(step, cause));
        },
      );
    });
  }
}

function storeError(step: string, cause: unknown): KpassError {
  const words = cause instanceof Error ? cause.message : String(cause);
  const message = `the throttle's store: ${words}`;
  const error = new KpassError('ERR_KPASS_STORE', message, { step });
  return Object.defineProperty(error, 'cause', { value: cause, configurable: true });
}
