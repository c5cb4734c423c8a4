// Verifies the passwords that come with requests, and remembers the results: a browser sends the
// password with every request, and the KDC is not to be asked each time.

import { nameUnlessRefused } from '../credentials.js';
import { KpassError } from '../errors.js';
import type { NameSettings } from '../names.js';
import type { Verdict } from '../verdict.js';
import type { Verifier } from '../verifier.js';
import { Cache } from './cache.js';
import { digestOf } from './digest.js';
import type { HttpSettings } from './options.js';
import type { Identity } from './scheme.js';
import { Throttle } from './throttle.js';

/** Null: denied. */
type Result = Readonly<Identity> | null;

export class Verifications {
  readonly #verifier: Verifier;
  readonly #names: NameSettings;
  readonly #verified: Cache<Readonly<Identity>> | undefined;
  // A cache of its own: a flood of wrong passwords must not push out the verified ones.
  readonly #denied: Cache<true> | undefined;
  readonly #throttle: Throttle | undefined;
  readonly #pending = new Map<string, Promise<Result>>();
  #closed = false;

  /** `names`: those of the verifier's settings. */
  constructor(verifier: Verifier, names: NameSettings, { cache, throttle }: HttpSettings) {
    this.#verifier = verifier;
    this.#names = names;
    if (cache !== null) {
      this.#verified = new Cache(cache.ttl, cache.max);
      this.#denied = new Cache(cache.denyTtl, cache.max);
    }
    if (throttle !== null) this.#throttle = new Throttle(throttle);
  }

  /** Wipes the password when it is done. Rejects with a KpassError if there is no verdict. */
  async verify(user: string, password: Uint8Array): Promise<Result> {
    try {
      if (this.#closed) {
        throw new KpassError('ERR_KPASS_CLOSED', 'the verifier is closed', { step: 'close' });
      }
      // From here on, all spellings of a name are one.
      const name = nameUnlessRefused(user, password, this.#names);
      if (name === null) return null;
      const digest = digestOf(name, password);
      const identity = this.#verified?.get(digest);
      if (identity !== undefined) return identity;
      if (this.#denied?.get(digest)) return null;
      // Wipes only after this `await`: the throttle may wait before it reads the password.
      return await this.#shared(digest, name, password);
    } finally {
      password.fill(0);
    }
  }

  /** One verification for all requests with the same credentials at the same time. */
  #shared(digest: string, name: string, password: Uint8Array): Promise<Result> {
    const pending = this.#pending.get(digest);
    if (pending !== undefined) return pending;
    const verification = this.#ask(digest, name, password).finally(() =>
      this.#pending.delete(digest),
    );
    this.#pending.set(digest, verification);
    return verification;
  }

  async #ask(digest: string, name: string, password: Uint8Array): Promise<Result> {
    const verify = () => this.#verifier.verify(name, password);
    const verdict = await (this.#throttle?.verify(name, digest, verify) ?? verify());
    return verdict.verified
      ? this.#rememberVerified(digest, verdict)
      : this.#rememberDenied(digest);
  }

  #rememberVerified(digest: string, { principal, realm }: Verdict & { verified: true }): Result {
    const user = principal.slice(0, -`@${realm}`.length);
    const identity = Object.freeze({ user, principal, realm });
    this.#verified?.set(digest, identity);
    return identity;
  }

  #rememberDenied(digest: string): Result {
    this.#denied?.set(digest, true);
    return null;
  }

  /** From now on, every verification is refused with ERR_KPASS_CLOSED. Forgets all results. */
  close(): void {
    this.#closed = true;
    this.#verifier.close();
    this.#verified?.clear();
    this.#denied?.clear();
  }
}
