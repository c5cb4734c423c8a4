// Authentication of requests, whatever the scheme: as Connect middleware, and as methods for servers
// that answer themselves.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Verdict } from '../verdict.js';
import { answer } from './answer.js';
import { failure, insecure, RequestError, report } from './failures.js';
import type { FormOptions, VerifyForm } from './form.js';
import type { AnyRequest, HttpSettings } from './options.js';
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
   * For a Request of the Fetch API, they are what its Response takes.
   */
  headers(request: Request): Record<string, string>;
  headers(request: AnyRequest): Record<string, string | string[]>;
  /** Ends the verifier and forgets all results. From now on no password is verified. */
  close(): void;
}

type Headers = Readonly<Record<string, string>>;

const NONE: Headers = {};

export function authWith(
  scheme: Scheme,
  verify: VerifyForm,
  { secure, challenge }: Pick<HttpSettings, 'secure' | 'challenge'>,
): BasicAuth {
  const challenges: Headers = { 'WWW-Authenticate': scheme.challenge };
  /**
   * On each request that came to the scheme: the headers of its answer. Not a WeakMap: one entry for
   * each request costs more than everything else here.
   */
  const settled = Symbol('kpass.headers');
  type Settled = AnyRequest & { [settled]?: Headers };

  async function check(request: Settled): Promise<Identity | null> {
    try {
      // Other code may have put a user there. It must not survive a refusal.
      setUser(request, undefined);
      if (!says(secure, request)) throw insecure();
      request[settled] = NONE;
      const result = await scheme.identify(request);
      if (result === null || typeof result === 'string') {
        request[settled] = challengesFor(request);
        return null;
      }
      // A copy, which the request's handler may change: other requests share `result`.
      const { user, principal, realm } = result;
      return setUser(request, { user, principal, realm });
    } catch (error) {
      if (error instanceof RequestError) throw error;
      report(error, request);
      throw failure(error);
    }
  }

  function headers(request: Settled): Record<string, string> {
    return { ...(request[settled] ?? (says(secure, request) ? challengesFor(request) : NONE)) };
  }

  function challengesFor(request: AnyRequest): Headers {
    return says(challenge, request) ? challenges : NONE;
  }

  function middleware(
    request: IncomingMessage,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    check(request).then(
      (identity) => {
        if (identity !== null) next();
        else answer(response, 401, 'A user name and a password, please.', headers(request));
      },
      (error: RequestError) => answer(response, error.statusCode, error.message, error.headers),
    );
  }

  return Object.assign(middleware, { check, verify, headers, close: () => scheme.close() });
}

function setUser<User extends Identity | undefined>(request: AnyRequest, user: User): User {
  (request as IncomingMessage).kpass = user;
  return user;
}

/** The answer of a function of the operator's. Only `true` is a yes; an error or a promise is a no. */
function says(question: HttpSettings['secure'], request: AnyRequest): boolean {
  try {
    const answered: unknown = question(request as Parameters<typeof question>[0]);
    if (answered === true) return true;
    if (typeof (answered as Partial<Promise<unknown>> | null)?.then === 'function') {
      Promise.resolve(answered).catch(() => {});
      throw new TypeError(
        'the options `secure` and `challenge` must give a boolean, not a promise',
      );
    }
    return false;
  } catch (error) {
    report(error, request);
    return false;
  }
}
