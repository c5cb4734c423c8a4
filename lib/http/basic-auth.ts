// HTTP Basic authentication (RFC 7617) over TLS, against Kerberos: as Connect middleware, and as a
// method for everything else.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Verifier } from '../verifier.js';
import { credentialsOf } from './authorization.js';
import { failure, insecure, type RequestError, report } from './failures.js';
import { type BasicAuthOptions, checkHttpOptions } from './options.js';
import { type Identity, Verifications } from './verifications.js';

declare module 'node:http' {
  interface IncomingMessage {
    /** Who asks, once kpass/http has verified it. */
    kpass?: Identity | undefined;
  }
}

export interface BasicAuth {
  /** Connect middleware: sets `request.kpass` and goes on to `next`, or answers by itself. */
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;
  /**
   * Who asks, for servers that answer by themselves; also set as `request.kpass`.
   *
   * @returns null for no credentials, or refused ones: answer 401 with a challenge. Rejects with a
   *   {@link RequestError}, whose `statusCode`, `headers` and `message` are the answer to give, when
   *   that cannot be known, and when the connection is not secure: never challenge then, or the
   *   password is sent for all to read.
   */
  check(request: IncomingMessage): Promise<Identity | null>;
  /** Ends the verifier, and forgets what was remembered: from now on no password is verified. */
  close(): void;
}

/**
 * Basic authentication for one service.
 *
 * @throws TypeError (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE) for options that can never work
 */
export function basicAuth(options: BasicAuthOptions): BasicAuth {
  const settings = checkHttpOptions(options);
  const verifications = new Verifications(new Verifier(options), settings);
  const challenge = { 'WWW-Authenticate': challengeOf(settings.realm) };

  async function check(request: IncomingMessage): Promise<Identity | null> {
    if (!isSecure(request)) throw insecure();
    try {
      const credentials = credentialsOf(request);
      const identity = credentials && (await verifications.verify(credentials));
      if (identity === null) return null;
      // Each request's own, to change as it likes: another one may be given the same.
      request.kpass = { ...identity };
      return request.kpass;
    } catch (error) {
      report(error, request);
      throw failure(error);
    }
  }

  function isSecure(request: IncomingMessage): boolean {
    try {
      return settings.secure(request) === true;
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
        else answer(response, 401, 'A user name and a password, please.', challenge);
      },
      ({ statusCode, message, headers }: RequestError) =>
        answer(response, statusCode, message, headers),
    );
  }

  return Object.assign(middleware, { check, close: () => verifications.close() });
}

/** RFC 7617, 2 and 2.1; the realm is a quoted-string (RFC 9110, 5.6.4). */
function challengeOf(realm: string): string {
  return `Basic realm="${realm.replace(/["\\]/g, '\\$&')}", charset="UTF-8"`;
}

function answer(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>>,
): void {
  if (response.headersSent) return; // Somebody else has answered meanwhile.
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Cache-Control', 'no-store');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(`${text}\n`);
}
