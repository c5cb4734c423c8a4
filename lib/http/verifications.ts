// Verifies and changes the passwords that come with requests, and remembers the results: a browser sends
// the password with every request, and the KDC is not to be asked each time.

import { unwatch, watch } from '../abort.js';
import { nameUnlessRefused, passwordCanBeRight } from '../credentials.js';
import type { DenialReason } from '../denials.js';
import { KpassError } from '../errors.js';
import { tellDenial, tellThrottle } from '../events.js';
import { bytesOffHeap } from '../off-heap.js';
import type { PasswordChange } from '../password-change.js';
import { tellChangeDenial } from '../password-events.js';
import { checkSettings, type Settings } from '../settings.js';
import type { Verdict } from '../verdict.js';
import { Verifier, type VerifierOptions, type VerifierStats } from '../verifier.js';
import { accountName } from './account-name.js';
import { Cache } from './cache.js';
import { digestOf } from './digest.js';
import { report } from './failures.js';
import { HomeRealm } from './home-realm.js';
import type { HttpSettings } from './options.js';
import { type Account, accountOf } from './scheme.js';
import { Throttle } from './throttle.js';

/** The user, or the reason of the denial. */
export type Result = Readonly<Account> | DenialReason;

/** `options` are the Verifier's. */
export function verificationsFor(options: VerifierOptions, settings: HttpSettings): Verifications {
  return new Verifications(new Verifier(options), checkSettings(options), settings);
}

export interface VerificationStats extends VerifierStats {
  /** Requests that were answered from memory, without a verification. */
  remembered: number;
  /** Requests that shared the verification of another one. */
  shared: number;
  /** Passwords that the throttle refused. */
  throttled: number;
  /** Requests that wait for the throttle. */
  waiting: number;
  /** Calls of the throttle's store that failed. */
  storeFailed: number;
}

export class Verifications {
  readonly #verifier: Verifier;
  readonly #settings: Settings;
  readonly #home: HomeRealm;
  readonly #verified: Cache<Readonly<Account>> | undefined;
  // A cache of its own: a flood of wrong passwords must not push out the verified ones.
  readonly #denied: Cache<DenialReason> | undefined;
  readonly #throttle: Throttle | undefined;
  readonly #pending = new Map<string, Promise<Result>>();
  readonly #counts = { remembered: 0, shared: 0 };
  readonly #changing = new Map<string, Promise<PasswordChange>>();
  #closed = false;

  /** `settings` are the verifier's. */
  constructor(verifier: Verifier, settings: Settings, { cache, throttle }: HttpSettings) {
    this.#verifier = verifier;
    this.#settings = settings;
    this.#home = new HomeRealm(settings);
    if (cache !== null) {
      this.#verified = new Cache(cache.ttl, cache.max);
      this.#denied = new Cache(cache.denyTtl, cache.max);
    }
    if (throttle !== null) {
      this.#throttle = new Throttle(throttle, settings.timeout, {
        throttled: (account) => tellThrottle(settings, account, throttle.attempts),
        failed: (error) => report(error),
      });
    }
  }

  /**
   * Takes the password over, and wipes it when it is not needed any more. Throws a KpassError, or
   * rejects with it, if there is no verdict; the same with the signal's reason once it is aborted. The
   * verification then goes on: others may share it, and its result is remembered.
   */
  verify(user: string, password: Uint8Array, signal?: AbortSignal): Promise<Result> | Result {
    let result: Promise<Result> | Result;
    try {
      signal?.throwIfAborted();
      result = this.#known(user, password);
    } finally {
      // A verification that has begun has a copy.
      password.fill(0);
    }
    if (signal === undefined || !(result instanceof Promise)) return result;
    return untilAborted(result, signal);
  }

  #known(user: string, password: Uint8Array): Promise<Result> | Result {
    this.#checkOpen();
    // All spellings of a name are one, apart from its own case.
    const name = nameUnlessRefused(user, password, this.#settings);
    if (name === null) return this.deny('input', 'credentials');
    const digest = digestOf(this.#home.shorten(name), password);
    const account = this.#verified?.get(digest);
    if (account !== undefined) {
      this.#counts.remembered++;
      return account;
    }
    const denial = this.#denied?.get(digest);
    if (denial !== undefined) {
      this.#counts.remembered++;
      return this.deny('cache', denial);
    }
    const pending = this.#pending.get(digest);
    if (pending === undefined) return this.#begin(digest, name, password);
    this.#counts.shared++;
    return pending;
  }

  /** Tells the operator of a denial that no KDC sees. */
  deny(step: string, reason: DenialReason): DenialReason {
    tellDenial(this.#settings, step, reason);
    return reason;
  }

  /** One verification for all requests with the same credentials at the same time. */
  #begin(digest: string, name: string, password: Uint8Array): Promise<Result> {
    // The throttle may wait before it reads the password.
    const copy = copyOf(password);
    const verification = this.#ask(digest, name, copy).finally(() => {
      copy.fill(0);
      this.#pending.delete(digest);
    });
    this.#pending.set(digest, verification);
    return verification;
  }

  async #ask(digest: string, name: string, password: Uint8Array): Promise<Result> {
    let asked = false;
    const verify = () => {
      asked = true;
      return this.#verifier.verify(name, password);
    };
    const short = this.#home.shorten(name);
    const verdict = await (this.#throttle?.verify(short, password, verify) ?? verify());
    this.#home.learn(name, verdict);
    if (verdict.verified) return this.#rememberVerified(digest, verdict);
    this.#denied?.set(digest, verdict.reason);
    return asked ? verdict.reason : this.deny('throttle', verdict.reason);
  }

  #rememberVerified(digest: string, { principal, realm }: Verdict & { verified: true }): Result {
    const account = Object.freeze(accountOf(principal, realm));
    this.#verified?.set(digest, account);
    return account;
  }

  /**
   * Takes both passwords over, and wipes them. Rejects as `verify` does. The change goes on after an
   * abort. Equal changes at the same time are one: a form may be sent twice.
   */
  async changePassword(
    user: string,
    old: Uint8Array,
    fresh: Uint8Array,
    signal?: AbortSignal,
  ): Promise<PasswordChange> {
    let change: Promise<PasswordChange> | PasswordChange;
    try {
      signal?.throwIfAborted();
      change = this.#change(user, old, fresh);
    } finally {
      old.fill(0);
      fresh.fill(0);
    }
    if (signal === undefined || !(change instanceof Promise)) return change;
    return untilAborted(change, signal);
  }

  /** Tells the operator of a refused change that no KDC sees. */
  denyChange(step: string): PasswordChange {
    tellChangeDenial(this.#settings, step);
    return { changed: false, reason: 'credentials' };
  }

  #change(
    user: string,
    old: Uint8Array,
    fresh: Uint8Array,
  ): Promise<PasswordChange> | PasswordChange {
    this.#checkOpen();
    const name = nameUnlessRefused(user, old, this.#settings);
    if (name === null || !passwordCanBeRight(fresh)) return this.denyChange('input');
    const short = this.#home.shorten(name);
    const digests = [digestOf(short, old), digestOf(short, fresh)] as const;
    const key = digests.join('');
    const same = this.#changing.get(key);
    if (same !== undefined) return same;
    const copies = [old, fresh].map(copyOf) as [Uint8Array, Uint8Array];
    const change = this.#askForChange(digests, name, copies).finally(() => {
      for (const copy of copies) copy.fill(0);
      this.#changing.delete(key);
    });
    this.#changing.set(key, change);
    return change;
  }

  async #askForChange(
    [old, fresh]: readonly [string, string],
    name: string,
    passwords: readonly [Uint8Array, Uint8Array],
  ): Promise<PasswordChange> {
    let change: PasswordChange | undefined;
    const ask = async () => {
      change = await this.#verifier.changePassword(name, ...passwords);
      return verdictOfOld(change);
    };
    try {
      await (this.#throttle?.verify(this.#home.shorten(name), passwords[0], ask) ?? ask());
    } catch (error) {
      this.#forget(old, fresh, name); // It may have changed.
      throw error;
    }
    if (change === undefined) return this.denyChange('throttle');
    if (change.changed) this.#forget(old, fresh, name, change.principal);
    return change;
  }

  /** Forgets the old password of an account by all of its names, and that the new one was refused. */
  #forget(old: string, fresh: string, ...names: string[]): void {
    const accounts = names.map(accountName);
    const forget = () => {
      this.#verified?.delete(old);
      this.#verified?.deleteWhere(({ principal }) => accounts.includes(accountName(principal)));
      this.#denied?.delete(fresh);
    };
    forget();
    // Logins that began before the change.
    for (const digest of [old, fresh]) this.#pending.get(digest)?.then(forget, forget);
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new KpassError('ERR_KPASS_CLOSED', 'the verifier is closed', { step: 'close' });
  }

  get stats(): VerificationStats {
    const { throttled = 0, waiting = 0, storeFailed = 0 } = this.#throttle?.stats ?? {};
    return { ...this.#verifier.stats, ...this.#counts, throttled, waiting, storeFailed };
  }

  /** Ends a user's throttle. A name that can never be right has none. */
  async forgive(user: string): Promise<void> {
    const name = nameUnlessRefused(user, 'x', this.#settings);
    if (name === null) return;
    // Passwords that the throttle refused are among the denied ones.
    this.#denied?.clear();
    await this.#throttle?.forgive(this.#home.shorten(name));
  }

  get throttle(): Throttle | undefined {
    return this.#throttle;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /**
   * From now on, every verification is refused with ERR_KPASS_CLOSED. Forgets all results. Resolves when
   * none is pending, and the throttle's store knows all ends.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const closed = this.#verifier.close();
    this.#verified?.clear();
    this.#denied?.clear();
    await closed;
    await this.#throttle?.close();
    // What ended meanwhile has been remembered.
    this.#verified?.clear();
    this.#denied?.clear();
  }
}

/** Outside of Buffer's pool, which others read. */
function copyOf(password: Uint8Array): Uint8Array {
  const copy = bytesOffHeap(password.length);
  copy.set(password);
  return copy;
}

/**
 * What a change says about the old password, for the throttle. Only a wrong one counts, and only a
 * change that was verified with the keytab ends the count.
 */
function verdictOfOld(change: PasswordChange): Verdict {
  if (change.changed) return { verified: true, principal: change.principal, realm: change.realm };
  return { verified: false, reason: change.reason === 'credentials' ? 'credentials' : 'policy' };
}

/** The result, or a rejection as soon as the signal is aborted. */
function untilAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = { abort: reject };
    // Both before the signal is touched, which is anybody's: `result` may reject with nobody there.
    const settled = result.then(resolve, reject);
    watch(signal, call);
    settled.finally(() => unwatch(signal, call)).catch(() => {});
  });
}
