// HTTP Basic authentication (RFC 7617) over TLS, against Kerberos: as Connect middleware, and as a
// method for everything else.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { Verifier, type VerifierOptions } from '../verifier.js';
import { credentialsOf } from './authorization.js';
import { failure, insecure, type RequestError, report } from './failures.js';

/** Who asks. */
export interface Identity {
  /** The principal without its realm: 'alice'. It names an account only together with the realm. */
  user: string;
  /** The account, as the ticket names it: 'alice@EXAMPLE.COM'. */
  principal: string;
  /** Its realm: 'EXAMPLE.COM'. */
  realm: string;
}

declare module 'node:http' {
  interface IncomingMessage {
    /** Who asks, once kpass/http has verified it. */
    kpass?: Identity | undefined;
  }
}

export interface BasicAuthOptions extends VerifierOptions {
  /** Shown to the user in the challenge, and nothing else: no Kerberos realm. Printable ASCII. */
  realm: string;
  /**
   * Whether the request came over a connection that nobody can listen to. Only `true` is yes.
   * Default: its socket is a TLS socket.
   */
  secure?: ((request: IncomingMessage) => boolean) | undefined;
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
  const verifier = new Verifier(options);
  const { secure = isTls } = options;
  const challenge = `Basic realm=${quoted(options.realm)}, charset="UTF-8"`;

  async function check(request: IncomingMessage): Promise<Identity | null> {
    if (!isSecure(request)) throw insecure();
    const credentials = credentialsOf(request);
    if (credentials === null) return null;
    const { user, password } = credentials;
    try {
      const verdict = await verifier.verify(user, password).finally(() => password.fill(0));
      if (!verdict.verified) return null;
      const { principal, realm } = verdict;
      request.kpass = { user: principal.slice(0, -realm.length - 1), principal, realm };
      return request.kpass;
    } catch (error) {
      report(error, request);
      throw failure(error);
    }
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
    const refuse = (status: number, text: string, headers: Readonly<Record<string, string>>) =>
      answer(response, status, text, headers);
    check(request).then(
      (identity) => {
        if (identity !== null) next();
        else refuse(401, 'A user name and a password, please.', { 'WWW-Authenticate': challenge });
      },
      ({ statusCode, message, headers }: RequestError) => refuse(statusCode, message, headers),
    );
  }

  return Object.assign(middleware, { check, close: () => verifier.close() });
}

function isTls({ socket }: IncomingMessage): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true;
}

/** RFC 9110, 5.6.4: quoted-string. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
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
