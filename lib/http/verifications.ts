// The verifications that requests ask for, and what is known without asking the KDC: a browser sends
// the password with every request.

import { refused } from '../credentials.js';
import { KpassError } from '../errors.js';
import type { Verdict } from '../verdict.js';
import type { Verifier } from '../verifier.js';
import type { Credentials } from './authorization.js';
import { Cache } from './cache.js';
import { digestOf } from './digest.js';
import type { HttpSettings } from './options.js';
import { Throttle } from './throttle.js';

/** Who asks. */
export interface Identity {
  /** The principal without its realm: 'alice'. It names an account only together with the realm. */
  user: string;
  /** The account, as the ticket names it: 'alice@EXAMPLE.COM'. */
  principal: string;
  /** Its realm: 'EXAMPLE.COM'. */
  realm: string;
}

/** Null: denied. */
type Result = Readonly<Identity> | null;

export class Verifications {
  readonly #verifier: Verifier;
  readonly #verified: Cache<Readonly<Identity>> | undefined;
  // Apart from the others: who sends wrong passwords by the thousand makes no one log in again.
  readonly #denied: Cache<true> | undefined;
  readonly #throttle: Throttle | undefined;
  readonly #underWay = new Map<string, Promise<Result>>();
  #closed = false;

  constructor(verifier: Verifier, { cache, throttle }: HttpSettings) {
    this.#verifier = verifier;
    if (cache !== null) {
      this.#verified = new Cache(cache.ttl, cache.max);
      this.#denied = new Cache(cache.denyTtl, cache.max);
    }
    if (throttle !== null) this.#throttle = new Throttle(throttle);
  }

  /** Rejects with a KpassError where there is no verdict. Takes the password over, and wipes it. */
  async verify({ user, password }: Credentials): Promise<Result> {
    try {
      if (this.#closed) {
        throw new KpassError('ERR_KPASS_CLOSED', 'the verifier is closed', { step: 'close' });
      }
      if (refused(user, password)) return null;
      const digest = digestOf(user, password);
      const known = this.#verified?.get(digest);
      if (known !== undefined) return known;
      if (this.#denied?.get(digest)) return null;
      // With await: the throttle may let it wait, and it is read only then.
      return await this.#shared(digest, user, password);
    } finally {
      password.fill(0);
    }
  }

  /** One verification for all who ask the same at the same time. */
  #shared(digest: string, user: string, password: Uint8Array): Promise<Result> {
    const other = this.#underWay.get(digest);
    if (other !== undefined) return other;
    const verification = this.#ask(digest, user, password).finally(() =>
      this.#underWay.delete(digest),
    );
    this.#underWay.set(digest, verification);
    return verification;
  }

  async #ask(digest: string, user: string, password: Uint8Array): Promise<Result> {
    const verify = () => this.#verifier.verify(user, password);
    const verdict = await (this.#throttle?.verify(user, digest, verify) ?? verify());
    return verdict.verified ? this.#welcome(digest, verdict) : this.#refuse(digest);
  }

  #welcome(digest: string, { principal, realm }: Verdict & { verified: true }): Result {
    const user = principal.slice(0, -`@${realm}`.length);
    const identity = Object.freeze({ user, principal, realm });
    this.#verified?.set(digest, identity);
    return identity;
  }

  #refuse(digest: string): Result {
    this.#denied?.set(digest, true);
    return null;
  }

  /** From now on nothing is verified, and nothing known. */
  close(): void {
    this.#closed = true;
    this.#verifier.close();
    this.#verified?.clear();
    this.#denied?.clear();
  }
}
