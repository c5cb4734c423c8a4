// Verifies the passwords that come with requests, and remembers the results: a browser sends the
// password with every request, and the KDC is not to be asked each time.

import { unwatch, watch } from '../abort.js';
import { nameUnlessRefused } from '../credentials.js';
import type { DenialReason } from '../denials.js';
import { KpassError } from '../errors.js';
import { tellDenial } from '../events.js';
import { bytesOffHeap } from '../off-heap.js';
import type { Settings } from '../settings.js';
import { isByToken, type Verdict } from '../verdict.js';
import type { Verifier } from '../verifier.js';
import { Cache } from './cache.js';
import { digestOf } from './digest.js';
import { HomeRealm } from './home-realm.js';
import type { HttpSettings } from './options.js';
import type { Identity } from './scheme.js';
import { Throttle } from './throttle.js';

/** The user, or the reason of the denial. */
export type Result = Readonly<Identity> | DenialReason;

export class Verifications {
  readonly #verifier: Verifier;
  readonly #settings: Settings;
  readonly #home: HomeRealm;
  readonly #verified: Cache<Readonly<Identity>> | undefined;
  // A cache of its own: a flood of wrong passwords must not push out the verified ones.
  readonly #denied: Cache<DenialReason> | undefined;
  readonly #throttle: Throttle | undefined;
  readonly #pending = new Map<string, Promise<Result>>();
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
    if (throttle !== null) this.#throttle = new Throttle(throttle);
  }

  /**
   * Takes the password over, and wipes it when it is not needed any more. Rejects with a KpassError if
   * there is no verdict, and with the signal's reason once it is aborted. The verification then goes
   * on: others may share it, and its result is remembered.
   */
  async verify(user: string, password: Uint8Array, signal?: AbortSignal): Promise<Result> {
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
    if (this.#closed) {
      throw new KpassError('ERR_KPASS_CLOSED', 'the verifier is closed', { step: 'close' });
    }
    // All spellings of a name are one, apart from its own case.
    const name = nameUnlessRefused(user, password, this.#settings);
    if (name === null) return this.deny('input', 'credentials');
    const digest = digestOf(this.#home.shorten(name), password);
    const identity = this.#verified?.get(digest);
    if (identity !== undefined) return identity;
    const denial = this.#denied?.get(digest);
    if (denial !== undefined) return this.deny('cache', denial);
    // A token's value serves once. So with tokens, no two requests share a verification.
    const shared = this.#settings.otp === 'never' ? this.#pending.get(digest) : undefined;
    return shared ?? this.#begin(digest, name, password);
  }

  /** Tells the operator of a denial that no KDC sees. */
  deny(step: string, reason: DenialReason): DenialReason {
    tellDenial(this.#settings, step, reason);
    return reason;
  }

  /** One verification for all requests with the same credentials at the same time. */
  #begin(digest: string, name: string, password: Uint8Array): Promise<Result> {
    // The throttle may wait before it reads the password. Outside of Buffer's pool, which others read.
    const copy = bytesOffHeap(password.length);
    copy.set(password);
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
    const verdict = await (this.#throttle?.verify(short, digest, verify) ?? verify());
    this.#home.learn(name, verdict);
    if (verdict.verified) return this.#rememberVerified(digest, verdict, isByToken(verdict));
    this.#denied?.set(digest, verdict.reason);
    return asked ? verdict.reason : this.deny('throttle', verdict.reason);
  }

  #rememberVerified(
    digest: string,
    { principal, realm }: Verdict & { verified: true },
    byToken: boolean,
  ): Result {
    const user = principal.slice(0, -`@${realm}`.length);
    const identity = Object.freeze({ user, principal, realm });
    if (!byToken) this.#verified?.set(digest, identity);
    return identity;
  }

  /** From now on, every verification is refused with ERR_KPASS_CLOSED. Forgets all results. */
  close(): void {
    this.#closed = true;
    this.#verifier.close();
    this.#verified?.clear();
    this.#denied?.clear();
    this.#throttle?.close();
  }
}

/** The result, or a rejection as soon as the signal is aborted. */
function untilAborted(result: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const call = { abort: reject };
    // Both before the signal is touched, which is anybody's: `result` may reject with nobody there.
    const settled = result.then(resolve, reject);
    watch(signal, call);
    settled.finally(() => unwatch(signal, call)).catch(() => {});
  });
}
