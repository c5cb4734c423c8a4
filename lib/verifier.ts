// The typed face of a pool: many verifications for one service.

import {
  checkCallOptions,
  checkCredentials,
  checkSettings,
  checkSizes,
  type Settings,
} from './arguments.js';
import { binding, type Pool } from './binding.js';
import { verify } from './calls.js';
import { KpassError } from './errors.js';
import { type Verdict, verdictOf } from './verdict.js';

export interface VerifierOptions {
  /** The service's first name, e.g. 'HTTP': the ticket is for `service/host@REALM`. */
  service: string;
  /** The host's name, taken as written, in lower case. Null: this machine's canonical name. */
  host?: string | null | undefined;
  /** Where the service's key is: 'FILE:/path' or a path. Null or '': libkrb5's default keytab. */
  keytab?: string | null | undefined;
  /** Realms whose users may log in. Default: the service's own realm. */
  realms?: readonly string[] | undefined;
  /** ms for one whole verification, waiting for a thread included. Default: 10,000. */
  timeout?: number | undefined;
  /** Most verifications in progress at once. Default: 32. */
  threads?: number | undefined;
  /** Most verifications waiting for a thread. Default: 1,024. */
  queue?: number | undefined;
  /** Path or paths of krb5.conf, instead of KRB5_CONFIG or the system's. */
  config?: string | readonly string[] | undefined;
  /**
   * Ask the KDC for the account's own name, so that one account has one. Default: false. The name
   * typed is then no more than a request: who logged in is the verdict's `principal`.
   */
  canonicalize?: boolean | undefined;
  /**
   * For finding out why something does not work: gets what libkrb5 says it does, line by line, each
   * verification's lines when it ends. They name users and KDCs, and hold 16 bits of a hash of
   * every key: not for a log that others read.
   * Source: https://web.mit.edu/kerberos/krb5-latest/doc/admin/troubleshoot.html
   */
  trace?: ((line: string) => void) | undefined;
  /**
   * Who carries the messages to the KDCs. Default: 'kpass', which remembers the KDCs that answer,
   * sends what proves the password to one of them, and gives up in time. 'libkrb5': as kinit does.
   */
  transport?: 'kpass' | 'libkrb5' | undefined;
}

export interface VerifyOptions {
  /** Rejects with its reason when it is aborted. */
  signal?: AbortSignal | undefined;
  /** ms; instead of the verifier's. */
  timeout?: number | undefined;
}

export interface VerifierStats {
  /** Threads there are: at work, stalled, or idle. */
  threads: number;
  /** Verifications in progress. */
  active: number;
  /** Threads still held by a verification whose deadline has passed or that was aborted. */
  stalled: number;
  /** Verifications waiting for a thread. */
  queued: number;
  /** Verdicts with `verified: true`, since the start. */
  verified: number;
  /** Verdicts with `verified: false`. */
  denied: number;
  /** Rejections. */
  failed: number;
}

/**
 * Verifies passwords for one service, with threads of its own.
 *
 * @throws TypeError (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE) for options that can never work
 */
export class Verifier {
  readonly #settings: Settings;
  readonly #pool: Pool;
  readonly #counts = { verified: 0, denied: 0, failed: 0 };
  #closed = false;

  constructor(options: VerifierOptions) {
    this.#settings = checkSettings(options);
    const { threads, queue } = checkSizes(options);
    this.#pool = binding.createPool(threads, queue);
  }

  /**
   * Whether this is the user's password, and the KDC that says so is the realm's own.
   *
   * @param user 'alice', 'alice/admin' or 'alice@EXAMPLE.COM'
   * @param password read before this returns, and never changed: a Uint8Array can then be wiped
   * @returns the verdict. Rejects with a {@link KpassError} where there can be none, with the
   *   signal's reason when aborted, and with a TypeError for arguments of the wrong type.
   */
  verify(user: string, password: string | Uint8Array, options?: VerifyOptions): Promise<Verdict> {
    try {
      checkCredentials(user, password);
      const { signal, timeout = this.#settings.timeout } = checkCallOptions(options);
      if (this.#closed) {
        throw new KpassError('ERR_KPASS_CLOSED', 'the verifier is closed', { step: 'close' });
      }
      const counts = this.#counts;
      const terms = { settings: this.#settings, timeout, signal, counts, conclude: verdictOf };
      return verify(this.#pool, terms, user, password);
    } catch (error) {
      this.#counts.failed++;
      return Promise.reject(error);
    }
  }

  /** What is going on, and what has been, in numbers. */
  get stats(): VerifierStats {
    return { ...binding.poolStats(this.#pool), ...this.#counts };
  }

  /** Ends the verifier: pending verifications settle, later ones reject with ERR_KPASS_CLOSED. */
  close(): void {
    this.#closed = true;
    binding.closePool(this.#pool);
  }
}
