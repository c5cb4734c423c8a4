// How a request without a verdict ends: with a status, and with words that anybody may see. The
// operator gets the real error, through the channel `kpass:error`.

import { channel } from 'node:diagnostics_channel';
import { KpassError } from '../errors.js';
import type { AnyRequest } from './request.js';

/** s. Clients that try again by themselves wait for this long. */
const RETRY_AFTER = '5';

/**
 * The error with which `check` rejects. It has the code, the step and libkrb5's code of the
 * {@link KpassError} that it stands for, and the HTTP answer to give. Its `message` and its stack tell
 * a stranger nothing. Its `cause` is the KpassError itself, for the operator only.
 */
export class RequestError extends KpassError {
  /** 403: the connection is not secure. 503: the error is temporary. 500: any other error. */
  readonly statusCode: 403 | 500 | 503;
  /** Headers of the answer: with 503, Retry-After. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(statusCode: RequestError['statusCode'], message: string, cause: KpassError) {
    const { code, step, krb5Code, reason } = cause;
    super(code, message, {
      step,
      ...(krb5Code !== undefined && { krb5Code }),
      ...(reason !== undefined && { reason }),
    });
    this.statusCode = statusCode;
    this.headers = statusCode === 503 ? { 'Retry-After': RETRY_AFTER } : {};
    // Not enumerable, as in Node's own errors: this error as JSON does not hold its cause.
    Object.defineProperty(this, 'cause', { value: cause, configurable: true, writable: true });
    // Express shows the stack in development. The cause's stack says where the error came from.
    this.stack = `${this.name}: ${message}`;
  }
}
Object.defineProperty(RequestError.prototype, 'name', {
  value: 'RequestError',
  configurable: true,
});

/** The error to answer with if a verification has failed. */
export function failure(error: unknown): RequestError {
  const cause = error instanceof KpassError ? error : internal(error);
  return cause.temporary
    ? new RequestError(503, 'Passwords cannot be verified now. Try again later.', cause)
    : new RequestError(500, 'Something is wrong on this server.', cause);
}

/**
 * The error to answer with on a connection that is not secure. The operator is warned once: behind a
 * proxy, every request gets this answer until the option `secure` is right.
 */
export function insecure(): RequestError {
  const message =
    'a request for a password-protected page came over a connection that is not secure. ' +
    'Where a proxy ends TLS, the option `secure` must say which requests came through the proxy';
  warnOnce('KPASS_INSECURE', message);
  return new RequestError(
    403,
    'This needs a secure connection: use https.',
    new KpassError('ERR_KPASS_CONFIG', message, { step: 'secure' }),
  );
}

function internal(cause: unknown): KpassError {
  const error = new KpassError('ERR_KPASS_INTERNAL', 'internal error', { step: 'http' });
  return Object.defineProperty(error, 'cause', { value: cause, configurable: true });
}

/** The message of the channel `kpass:error`. */
export interface ErrorMessage {
  error: unknown;
  /** The request that could not be answered. Not enumerable: its headers hold the password. */
  readonly request: AnyRequest;
}

declare module 'node:diagnostics_channel' {
  function subscribe(name: 'kpass:error', onMessage: OnErrorMessage): void;
  function unsubscribe(name: 'kpass:error', onMessage: OnErrorMessage): boolean;
}
type OnErrorMessage = (message: ErrorMessage, name: string | symbol) => void;

const errors = channel('kpass:error');
const warned = new Set<string>();

/** Tells the operator. If nobody listens to the channel: by a process warning, once for each code. */
export function report(error: unknown, request: AnyRequest): void {
  if (errors.hasSubscribers) {
    // A subscriber that logs the whole message must not log the Authorization header with it.
    const message: Pick<ErrorMessage, 'error'> = { error };
    errors.publish(Object.defineProperty(message, 'request', { value: request }));
    return;
  }
  const code = error instanceof KpassError ? error.code : 'ERR_KPASS_INTERNAL';
  warnOnce(code, `${error}. Further errors with this code go to the channel kpass:error only`);
}

function warnOnce(code: string, message: string): void {
  if (warned.has(code)) return;
  warned.add(code);
  process.emitWarning(message, { type: 'KpassWarning', code });
}
