// auth.ready(): whether a login would work now. For a readiness endpoint.

import type { Link } from '../doctor/index.js';
import { checkAcceptOptions, checkSettings } from '../settings.js';
import { optionsObject } from '../validate.js';
import type { VerifierOptions } from '../verifier.js';
import { now } from './clock.js';
import type { Verifications } from './verifications.js';

export interface Readiness {
  /** Whether no link is broken. */
  ready: boolean;
  /** The links that every login needs: doctor's, up to the service's key, and the throttle's store. */
  links: Link[];
}

/** ms for which a result is given again: anybody may ask a readiness endpoint, as often as they like. */
const KEPT = 5_000;
/**
 * The same for a result whose key is broken. Each look is a login of the service, which the KDC may count
 * and lock out.
 */
const KEPT_BROKEN_KEY = 60_000;

export class ReadinessProbe {
  readonly #options: VerifierOptions;
  readonly #verifications: Verifications;
  #last: Promise<Readiness> | undefined;
  #until = 0;

  /** `options` are the verifier's. */
  constructor(options: VerifierOptions, verifications: Verifications) {
    this.#options = options;
    this.#verifications = verifications;
  }

  async ready(options?: { signal?: AbortSignal | undefined }): Promise<Readiness> {
    const { signal } = checkAcceptOptions(optionsObject('options', options, ['signal']));
    signal?.throwIfAborted();
    if (this.#verifications.isClosed) return closed();
    if (this.#last === undefined || this.#until <= now()) {
      this.#until = Number.POSITIVE_INFINITY;
      this.#last = this.#look().then(
        (found) => {
          const isBroken = found.links.some(
            (each) => each.name === 'key' && each.status === 'broken',
          );
          this.#until = now() + (isBroken ? KEPT_BROKEN_KEY : KEPT);
          return found;
        },
        (error) => {
          this.#until = now() + KEPT;
          throw error;
        },
      );
    }
    const { ready, links } = await (signal === undefined
      ? this.#last
      : Promise.race([this.#last, aborted(signal)]));
    if (this.#verifications.isClosed) return closed();
    // A copy, which the caller may change.
    return { ready, links: links.map((link) => ({ ...link })) };
  }

  async #look(): Promise<Readiness> {
    // Only here: an application that never asks does not load doctor.
    const { lookAtLogin } = await import('../doctor/login-links.js');
    const [links, store] = await Promise.all([
      lookAtLogin(checkSettings(this.#options)),
      this.#store(),
    ]);
    const all = [...links, ...store];
    return { ready: all.every(({ status }) => status !== 'broken'), links: all };
  }

  async #store(): Promise<Link[]> {
    const { throttle } = this.#verifications;
    if (!throttle?.isShared) return [];
    try {
      await throttle.probe();
      return [{ name: 'store', status: 'ok', detail: 'it answers', remedy: [] }];
    } catch (error) {
      return [broken('store', (error as Error).message)];
    }
  }
}

function closed(): Readiness {
  return { ready: false, links: [broken('verifier', 'it is closed')] };
}

function broken(name: string, detail: string): Link {
  return { name, status: 'broken', detail, remedy: [] };
}

/** Never resolves; rejects with the signal's reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
