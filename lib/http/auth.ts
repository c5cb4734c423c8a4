// Authentication of requests, whatever the scheme: as Connect middleware, and as methods for servers
// that answer themselves.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer, type Headers } from './answer.js';
import { failure, insecure, type RequestError, report } from './failures.js';
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
   * themselves.
   *
   * @returns null if the request has no credentials, or refused ones: answer 401, with the
   *   `headers` of this request. Rejects with a {@link RequestError} if there is no verdict, and if
   *   the connection is not secure. The error's `statusCode`, `headers` and `message` are the answer
   *   to give. Do not send a challenge with it: over an insecure connection, anyone can read the
   *   password that the browser would send.
   */
  check(request: IncomingMessage): Promise<Identity | null>;
  /**
   * The headers that belong to the answer to this request, whatever its status. Before `check`, and
   * after it resolved to null: the challenge, `WWW-Authenticate`. Otherwise none: the user is
   * verified, there is no verdict, or the connection is not secure.
   */
  headers(request: IncomingMessage): Record<string, string | string[]>;
  /** Ends the verifier and forgets all results. From now on no password is verified. */
  close(): void;
}

const NONE: Headers = {};

/** `secure` says whether nobody can listen to the request's connection; only `true` is a yes. */
export function authWith(scheme: Scheme, secure: (request: IncomingMessage) => boolean): BasicAuth {
  const challenge: Headers = { 'WWW-Authenticate': scheme.challenge };
  /** For each request that came to the scheme: the headers of its answer. */
  const settled = new WeakMap<IncomingMessage, Headers>();

  async function check(request: IncomingMessage): Promise<Identity | null> {
    if (!isSecure(request)) throw insecure();
    try {
      settled.set(request, NONE);
      const identity = await scheme.identify(request);
      if (identity === null) {
        settled.set(request, challenge);
        return null;
      }
      // A copy, which the request's handler may change: other requests share `identity`.
      request.kpass = { ...identity };
      return request.kpass;
    } catch (error) {
      report(error, request);
      throw failure(error);
    }
  }

  function headers(request: IncomingMessage): Record<string, string | string[]> {
    return { ...(settled.get(request) ?? (isSecure(request) ? challenge : NONE)) };
  }

  function isSecure(request: IncomingMessage): boolean {
    try {
      return secure(request) === true;
    } catch (error) {
      report(error, request);
      return false;
    }
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

  return Object.assign(middleware, { check, headers, close: () => scheme.close() });
}
