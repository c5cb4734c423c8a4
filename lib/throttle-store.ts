// The memory of the throttle: a store counts attempts at accounts. One process can hold it, or a server
// that many processes share. http/throttle.ts holds the policy, the same for every store.
//
// A store never sees a name or a password. It gets HMACs of them.

export type Awaitable<Value> = Value | PromiseLike<Value>;

/** One password for one account, which is to be asked at a KDC. All are texts in base64url. */
export interface Attempt {
  /** No other attempt has it. */
  readonly id: string;
  /** Stands for the account and the password. */
  readonly digest: string;
  /** Stands for the name as it was typed. */
  readonly name: string;
}

export interface Terms {
  /** The most attempts that count at once. */
  readonly attempts: number;
  /** ms after the last counted attempt until all are forgotten. */
  readonly window: number;
  /** ms after which a reserved attempt is not pending any more. It counts nevertheless. */
  readonly lease: number;
}

/**
 * - granted: the attempt counts from now on, and the password may go to the KDC.
 * - refused: a KDC has refused this password already, or too many attempts count.
 * - wait: pending attempts decide; ask again later.
 */
export type Reservation = 'granted' | 'refused' | 'wait';

/**
 * - wrong: the KDC has refused the password.
 * - right: the password is right. Forgets the attempt, and those of the same `name` that were settled as
 *   wrong, or whose lease had ended, before this attempt was reserved.
 * - none: forgets the attempt. No KDC has counted it.
 */
export type End = 'wrong' | 'right' | 'none';

/**
 * Each method is atomic, for all processes that share the store. The store's own clock decides. An
 * attempt that is never settled counts until `window` has passed after its lease.
 */
export interface ThrottleStore {
  /** Granted again for an attempt that was granted before. */
  reserve(account: string, attempt: Attempt, terms: Terms): Awaitable<Reservation>;
  /** An attempt that the store has lost counts again if it was wrong. */
  settle(account: string, attempt: Attempt, end: End, terms: Terms): Awaitable<void>;
  /** Forgets all attempts at the account. */
  forget(account: string): Awaitable<void>;
}
