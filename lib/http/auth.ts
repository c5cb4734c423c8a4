// Authentication of requests, whatever the scheme: as Connect middleware, and as methods for servers
// that answer themselves.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PasswordChange } from '../password-change.js';
import { wrongType } from '../validate.js';
import type { Verdict } from '../verdict.js';
import { answer, type Headers, setHeaders } from './answer.js';
import { failure, insecure, RequestError, report } from './failures.js';
import { type FormOptions, formsOf } from './form.js';
import type { HttpSettings } from './options.js';
import { says } from './question.js';
import type { Readiness, ReadinessProbe } from './readiness.js';
import type { AnyRequest } from './request.js';
import type { Identity, Scheme } from './scheme.js';
import type { VerificationStats, Verifications } from './verifications.js';

declare module 'node:http' {
  interface IncomingMessage {
    /** The user that the request comes from, once kpass/http has verified it. */
    kpass?: Identity | undefined;
  }
}

export interface BasicAuth {
  /** Connect middleware: sets `request.kpass` and calls `next`, or answers the request itself. */
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;
  /**
   * Finds the user that a request comes from, and sets `request.kpass`. For servers that answer
   * themselves. Takes a request of Node's, or a Request of the Fetch API.
   *
   * @returns null if the request has no credentials, or refused ones: answer 401, with the
   *   `headers` of this request. Rejects with a {@link RequestError} if there is no verdict, and if
   *   the connection is not secure. The error's `statusCode`, `headers` and `message` are the answer
   *   to give. Do not send a challenge with it: over an insecure connection, anyone can read the
   *   password that the browser would send.
   */
  check(request: AnyRequest): Promise<Identity | null>;
  /**
   * Verifies the user and the password of a login form, with the same cache, the same throttle and the
   * same sharing of equal verifications as `check`. Form fields may be anything: what is no text is
   * denied, with the reason `credentials`.
   *
   * Send the form over TLS only: nothing here sees the connection.
   *
   * @returns the verdict. Rejects with a KpassError if there is none, and with the signal's reason when
   *   it is aborted. An error's `temporary` says whether to answer 503 or 500.
   */
  verify(user: unknown, password: unknown, options?: FormOptions): Promise<Verdict>;
  /**
   * Changes the password of a user, also an expired one. A wrong old password counts for the throttle
   * as one of a login does. Afterwards nothing is remembered of the old password: not in this process.
   * Fields of a form may be anything, as for `verify`. An abort does not stop a change that has begun.
   *
   * @returns the change. It rejects as `verify` does. After a KpassError with the step 'kpasswd', and
   *   after an abort, the password may have changed.
   */
  changePassword(
    user: unknown,
    oldPassword: unknown,
    newPassword: unknown,
    options?: FormOptions,
  ): Promise<PasswordChange>;
  /**
   * The headers that belong to the answer to this request, whatever its status. Before `check`, and
   * after it resolved to null: the challenge, `WWW-Authenticate`. Otherwise none: the user is
   * verified, there is no verdict, the connection is not secure, or the option `challenge` says no.
   * For a Request of the Fetch API, they are what its Response takes.
   */
  headers(request: Request): Record<string, string>;
  headers(request: AnyRequest): Record<string, string | string[]>;
  /** What has happened since the start, and what happens now. */
  readonly stats: AuthStats;
  /**
   * Forgets the wrong passwords of a user, whose next password then goes to the KDC. With a store, in all
   * processes; another process may remember a denial for the cache's `denyTtl`. Rejects with
   * ERR_KPASS_STORE if the store does not answer.
   */
  forgive(user: string): Promise<void>;
  /**
   * Whether a login would work now: the KDC answers, the keytab opens the service's own ticket, the
   * throttle's store answers. The result is kept for 5 s. For a readiness endpoint, not for liveness: a
   * restart repairs no KDC, and remembered users need none.
   *
   * @returns rejects with the signal's reason when it is aborted
   */
  ready(options?: { signal?: AbortSignal | undefined }): Promise<Readiness>;
  /**
   * Ends the verifier and forgets all results. From now on no user is verified.
   *
   * @returns resolves when no verification is pending, and the throttle's store knows all ends. The
   *   store's client may be closed then
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface AuthStats extends VerificationStats {
  /** Tickets accepted since the start. */
  accepted: number;
  /** Tickets refused since then. */
  refused: number;
}

export interface HttpAuth extends BasicAuth {
  /**
   * The headers that belong to the answer to this request, whatever its status. The middleware sets
   * them itself. For servers that answer themselves:
   *
   * - Before `check`, and after it resolved to null: the challenges, in `WWW-Authenticate`. Two
   *   challenges are an array. Send it as two header lines, with `response.setHeader(name, array)`:
   *   Chromium understands no line that holds both.
   * - After a login by ticket: the token that proves this server to the client, if the client asked
   *   for one. It goes with the answer, whatever the status.
   * - Otherwise none, as for {@link BasicAuth.headers}.
   */
  headers(request: Request): Record<string, string>;
  headers(request: AnyRequest): Record<string, string | string[]>;
}

const NONE: Headers = {};

/** The first of `schemes` is challenged for first. */
export function authWith(
  schemes: readonly Scheme[],
  verifications: Verifications,
  readiness: ReadinessProbe,
  { secure, challenge }: Pick<HttpSettings, 'secure' | 'challenge'>,
): HttpAuth {
  /**
   * On each request that came to a scheme: the headers of its answer. Not a WeakMap: one entry for
   * each request costs more than everything else here.
   */
  const settled = Symbol('kpass.headers');
  type Settled = AnyRequest & { [settled]?: Headers };
  const please = schemes.some(({ name }) => name === 'Basic')
    ? 'A user name and a password, please.'
    : 'A Kerberos ticket, please.';

  async function check(request: Settled): Promise<Identity | null> {
    try {
      // Other code may have put a user there. It must not survive a refusal.
      setUser(request, undefined);
      if (!says(secure, request)) throw insecure();
      request[settled] = NONE;
      for (const scheme of schemes) {
        const identified = scheme.identify(request);
        const result = identified instanceof Promise ? await identified : identified;
        if (result === null) continue;
        if (typeof result === 'string') break;
        if (result.headers !== undefined) request[settled] = result.headers;
        // A copy, which the request's handler may change: other requests share the account.
        const { user, principal, realm } = result.account;
        return setUser(request, { user, principal, realm, scheme: scheme.name });
      }
      request[settled] = challengesFor(request);
      return null;
    } catch (error) {
      if (error instanceof RequestError) throw error;
      report(error, request);
      throw failure(error);
    }
  }

  function headers(request: Settled): Record<string, string | string[]> {
    return { ...(request[settled] ?? (says(secure, request) ? challengesFor(request) : NONE)) };
  }

  function challengesFor(request: AnyRequest): Headers {
    if (!says(challenge, request)) return NONE;
    const challenges = schemes
      .filter((scheme) => scheme.suits(request))
      .map((each) => each.challenge);
    const [first, second] = challenges;
    if (first === undefined) return NONE;
    return { 'WWW-Authenticate': second === undefined ? first : challenges };
  }

  function middleware(
    request: IncomingMessage,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    check(request).then(
      (identity) => {
        if (identity === null) answer(response, 401, please, headers(request));
        else {
          if (!response.headersSent) setHeaders(response, headers(request));
          next();
        }
      },
      (error: RequestError) => answer(response, error.statusCode, error.message, error.headers),
    );
  }

  async function close(): Promise<void> {
    await Promise.all([...schemes.map((scheme) => scheme.close()), verifications.close()]);
  }

  function stats(): AuthStats {
    const tickets = { accepted: 0, refused: 0 };
    for (const scheme of schemes) Object.assign(tickets, scheme.stats);
    return { ...verifications.stats, ...tickets };
  }

  async function forgive(user: string): Promise<void> {
    if (typeof user !== 'string') throw wrongType('user', 'a string', user);
    await verifications.forgive(user);
  }

  const methods = {
    check,
    ...formsOf(verifications),
    // A Request of the Fetch API never gets an array: see Negotiate.
    headers: headers as HttpAuth['headers'],
    forgive,
    ready: readiness.ready.bind(readiness),
    close,
    [Symbol.asyncDispose]: close,
  };
  const auth = Object.assign(middleware, methods);
  return Object.defineProperty(auth, 'stats', { get: stats, enumerable: true }) as HttpAuth;
}

function setUser<User extends Identity | undefined>(request: AnyRequest, user: User): User {
  (request as IncomingMessage).kpass = user;
  return user;
}
