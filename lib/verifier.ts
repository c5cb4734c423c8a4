// Verifier: many verifications for one service, on a pool of threads.

import { binding, type Pool } from './binding.js';
import { verify } from './calls.js';
import { checkChange, checkCredentials } from './credentials.js';
import { KpassError } from './errors.js';
import { OpenCalls } from './open-calls.js';
import { changePassword } from './password-calls.js';
import type { PasswordChange } from './password-change.js';
import {
  checkAcceptOptions,
  checkSettings,
  checkSizes,
  checkVerifyOptions,
  type FastRule,
  type OtpRule,
  type Settings,
  type Trace,
  type Transport,
} from './settings.js';
import { tracePassword, traceVerify } from './tracing.js';
import { type Verdict, verdictOf } from './verdict.js';

export interface VerifierOptions {
  /** The first part of the service's name, e.g. 'HTTP'. The ticket is for `service/host@REALM`. */
  service: string;
  /** The host's name, taken as written, in lower case. Default, null: this machine's canonical name. */
  host?: string | null | undefined;
  /** The service's keytab: 'FILE:/path' or a path. Default, null or '': libkrb5's default keytab. */
  keytab?: string | null | undefined;
  /** Realms whose users may log in. Default: the service's own realm. */
  realms?: readonly string[] | undefined;
  /** ms for one whole verification, including the wait for a thread. Default: 10,000. */
  timeout?: number | undefined;
  /** The most verifications in progress at once. Default: 32. */
  threads?: number | undefined;
  /** The most verifications that wait for a thread. Default: 1,024. */
  queue?: number | undefined;
  /** The path or paths of krb5.conf. Default: the files of KRB5_CONFIG, or the system's. */
  config?: string | readonly string[] | undefined;
  /**
   * Ask the KDC for the account's own name, so that each account has one name. Default: false. If
   * true, the verdict's `principal` names the account that logged in; the name typed may be another.
   */
  canonicalize?: boolean | undefined;
  /**
   * What may stand behind the @ of a user principal name, besides a realm: ['corp.example']. Names
   * with such a suffix are asked for as enterprise names (RFC 6806, 5). Needs `canonicalize`, and the
   * verdict's `principal` is the account's own name. Any case. Default: none.
   */
  upnSuffixes?: readonly string[] | undefined;
  /**
   * The realm of each domain that may stand before a backslash: with { EXAMPLE: 'EXAMPLE.COM' },
   * 'EXAMPLE\\alice' is alice@EXAMPLE.COM. Any case. Each realm is one whose users may log in.
   * Default: none, and a name with a backslash is refused.
   */
  domains?: Readonly<Record<string, string>> | undefined;
  /**
   * Helps to find out why a login does not work. Gets libkrb5's account of each verification, line by
   * line, when the verification ends. The lines name users and KDCs, and hold 16 bits of a hash of
   * every key: keep them out of logs that others read.
   * Source: https://web.mit.edu/kerberos/krb5-latest/doc/admin/troubleshoot.html
   */
  trace?: Trace | undefined;
  /**
   * The carrier of the messages to the KDCs. Default: 'kpass'. It remembers which KDCs answer, sends
   * the proof of the password to one KDC only, and stops at the deadline. 'libkrb5': libkrb5 itself
   * sends them, as for kinit.
   */
  transport?: Transport | undefined;
  /**
   * Armor for users' logins (FAST, RFC 6113), which the service gets with its keytab. Under armor, a
   * listener gets nothing to guess passwords with, and an impostor neither. Default: 'try': without
   * armor until the realm has once answered under armor, and never without it afterwards. 'require':
   * never without it. 'never': always without it.
   */
  fast?: FastRule | undefined;
  /**
   * The principal in the keytab that logs in for the armor, e.g. 'WEB$'. Default: the service, or the
   * only principal NAME$ in the keytab if the KDC lets the service not log in, as in Active Directory.
   */
  fastPrincipal?: string | undefined;
  /**
   * The value for a KDC that asks for the user's token (OTP, RFC 6560). 'joined': the password, with
   * the `otp` of the call after it, as FreeIPA wants it. Without an `otp`, it is the password itself,
   * and only if the KDC takes no password from this user: then people type both into one field.
   * 'alone': the `otp` of the call by itself. Default: 'never', and such a user is denied with the
   * reason `second-factor`. Needs armor.
   */
  otp?: OtpRule | undefined;
}

export interface VerifyOptions {
  /** When it is aborted, the promise rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** ms, instead of the verifier's timeout. */
  timeout?: number | undefined;
  /** The value that the user's token shows. '': none. Needs the verifier's option `otp`. */
  otp?: string | undefined;
}

export interface VerifierStats {
  /** All threads: at work, stalled and idle. */
  threads: number;
  /** Verifications in progress. */
  active: number;
  /** Threads that libkrb5 still holds for a verification that was aborted or reached its deadline. */
  stalled: number;
  /** Verifications that wait for a thread. */
  queued: number;
  /** Verdicts with `verified: true` since the verifier was made. */
  verified: number;
  /** Verdicts with `verified: false` since then. */
  denied: number;
  /** Rejections since then. */
  failed: number;
  /** Verdicts since then whose login was armored. */
  armored: number;
}

/**
 * Verifies passwords for one service. It has its own threads.
 *
 * @throws TypeError (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE) for options that can never work
 */
export class Verifier {
  readonly #settings: Settings;
  readonly #pool: Pool;
  readonly #counts = { verified: 0, denied: 0, failed: 0, armored: 0 };
  readonly #open = new OpenCalls();
  #closed = false;

  constructor(options: VerifierOptions) {
    this.#settings = checkSettings(options);
    const { threads, queue } = checkSizes(options);
    this.#pool = binding.createPool(threads, queue);
  }

  /**
   * Verifies that this is the user's password, and that the KDC which says so is the realm's own.
   *
   * @param user 'alice', 'alice/admin' or 'alice@EXAMPLE.COM'; with `upnSuffixes` and `domains`, more.
   *   Blanks at either end do not count, nor does the realm's case
   * @param password read before this returns, and never changed: a Uint8Array can be wiped afterwards
   * @returns the verdict. Rejects with a {@link KpassError} if there is no verdict, with the signal's
   *   reason if the signal is aborted, and with a TypeError for arguments of the wrong type.
   */
  verify(user: string, password: string | Uint8Array, options?: VerifyOptions): Promise<Verdict> {
    try {
      checkCredentials(user, password);
      const { otp, timeout: usual } = this.#settings;
      const { signal, timeout = usual, token } = checkVerifyOptions(options, otp);
      this.#checkOpen();
      const settings = this.#settings;
      const rest = { counts: this.#counts, open: this.#open, conclude: verdictOf };
      const terms = { settings, timeout, signal, ...rest };
      return traceVerify(settings, () => verify(this.#pool, terms, user, password, token));
    } catch (error) {
      this.#counts.failed++;
      return Promise.reject(error);
    }
  }

  /**
   * Changes the user's password. Also works if the password has expired or must be changed. Nothing is
   * sent twice: after an error with the step 'kpasswd', and after an abort, the password may have
   * changed. Both may then be right: verify them.
   *
   * @param user as for `verify`
   * @param oldPassword a wrong one is one failed login at the KDC. Both passwords are read before this
   *   returns, and never changed
   * @returns `changed: true` after a whole verification of the new password, with the keytab, at the
   *   primary KDC. Rejects as `verify` does; with ERR_KPASS_TIMEOUT and the step 'kpasswd' if the
   *   password server's answer is lost.
   */
  changePassword(
    user: string,
    oldPassword: string | Uint8Array,
    newPassword: string | Uint8Array,
    options?: Pick<VerifyOptions, 'signal' | 'timeout'>,
  ): Promise<PasswordChange> {
    try {
      checkChange(user, oldPassword, newPassword);
      const { signal, timeout = this.#settings.timeout } = checkAcceptOptions(options);
      this.#checkOpen();
      const settings = this.#settings;
      const terms = { settings, timeout, signal, open: this.#open };
      return tracePassword(settings, () =>
        changePassword(this.#pool, terms, user, oldPassword, newPassword),
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The numbers of threads, of pending verifications, and of those that have ended. */
  get stats(): VerifierStats {
    return { ...binding.poolStats(this.#pool), ...this.#counts };
  }

  /**
   * Ends the verifier. Pending verifications settle; later ones reject with ERR_KPASS_CLOSED.
   *
   * @returns resolves when none is pending
   */
  close(): Promise<void> {
    this.#closed = true;
    binding.closePool(this.#pool);
    return this.#open.none();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new KpassError('ERR_KPASS_CLOSED', 'the verifier is closed', { step: 'close' });
  }
}
