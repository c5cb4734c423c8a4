// Authentication of requests, whatever the scheme: as Connect middleware, and as methods for servers
// that answer themselves.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Verdict } from '../verdict.js';
import { answer, type Headers, setHeaders } from './answer.js';
import { failure, insecure, RequestError, report } from './failures.js';
import type { FormOptions, VerifyForm } from './form.js';
import type { HttpSettings } from './options.js';
import { says } from './question.js';
import type { AnyRequest } from './request.js';
import type { Identity, Scheme } from './scheme.js';

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
   * The headers that belong to the answer to this request, whatever its status. Before `check`, and
   * after it resolved to null: the challenge, `WWW-Authenticate`. Otherwise none: the user is
   * verified, there is no verdict, the connection is not secure, or the option `challenge` says no.
   */
  headers(request: AnyRequest): Record<string, string | string[]>;
  /** Ends the verifier and forgets all results. From now on no user is verified. */
  close(): void;
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
  headers(request: AnyRequest): Record<string, string | string[]>;
}

const NONE: Headers = {};

/** The first of `schemes` is challenged for first. */
export function authWith(
  schemes: readonly Scheme[],
  verify: VerifyForm,
  { secure, challenge }: Pick<HttpSettings, 'secure' | 'challenge'>,
): HttpAuth {
  /** For each request that came to a scheme: the headers of its answer. */
  const settled = new WeakMap<AnyRequest, Headers>();
  const please = schemes.some(({ name }) => name === 'Basic')
    ? 'A user name and a password, please.'
    : 'A Kerberos ticket, please.';

  async function check(request: AnyRequest): Promise<Identity | null> {
    try {
      // Other code may have put a user there. It must not survive a refusal.
      setUser(request, undefined);
      if (!says(secure, request)) throw insecure();
      settled.set(request, NONE);
      for (const scheme of schemes) {
        const result = await scheme.identify(request);
        if (result === null) continue;
        if (typeof result === 'string') break;
        if (result.headers !== undefined) settled.set(request, result.headers);
        // A copy, which the request's handler may change: other requests share the account.
        return setUser(request, { ...result.account, scheme: scheme.name });
      }
      settled.set(request, challengesFor(request));
      return null;
    } catch (error) {
      if (error instanceof RequestError) throw error;
      report(error, request);
      throw failure(error);
    }
  }

  function headers(request: AnyRequest): Record<string, string | string[]> {
    return { ...(settled.get(request) ?? (says(secure, request) ? challengesFor(request) : NONE)) };
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

  function close(): void {
    for (const scheme of schemes) scheme.close();
  }

  return Object.assign(middleware, { check, verify, headers, close });
}

function setUser<User extends Identity | undefined>(request: AnyRequest, user: User): User {
  (request as IncomingMessage).kpass = user;
  return user;
}
