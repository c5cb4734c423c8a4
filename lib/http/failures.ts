// What a request ends with when there is no answer to "who is it?": the status, and words that may
// be shown to anybody. What happened in truth is the operator's, through the channel `kpass:error`.

import { channel } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { KpassError, type KpassErrorCode } from '../errors.js';

/** s; for who asks again by itself. */
const RETRY_AFTER = '5';

const TRY_LATER: readonly KpassErrorCode[] = [
  'ERR_KPASS_KDC',
  'ERR_KPASS_TIMEOUT',
  'ERR_KPASS_BUSY',
];

/**
 * What `check` rejects with. It has the code, step and numbers of the {@link KpassError} that it
 * stands for, and the HTTP answer to give; its `message` tells a stranger nothing, and neither does
 * its stack. The error itself, for the operator only, is its `cause`.
 */
export class RequestError extends KpassError {
  /** 403 (not a secure connection), 500 or 503. */
  readonly statusCode: 403 | 500 | 503;
  /** Of the answer: Retry-After for 503. */
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
    // Not enumerable, as Node's own: nothing that prints this error as JSON prints its cause.
    Object.defineProperty(this, 'cause', { value: cause, configurable: true, writable: true });
    // Express shows it in development. Where things went wrong is what the cause's stack says.
    this.stack = `${this.name}: ${message}`;
  }
}
Object.defineProperty(RequestError.prototype, 'name', {
  value: 'RequestError',
  configurable: true,
});

/** The error to answer with when a verification failed. */
export function failure(error: unknown): RequestError {
  const cause = error instanceof KpassError ? error : internal(error);
  return TRY_LATER.includes(cause.code)
    ? new RequestError(503, 'Passwords cannot be verified now. Try again later.', cause)
    : new RequestError(500, 'Something is wrong on this server.', cause);
}

/**
 * The error to answer with on a connection that is not secure. Whoever has it answered is warned,
 * once: behind a proxy, everybody gets it until the options are right.
 */
export function insecure(): RequestError {
  const message =
    'a request for a password-protected page came over a connection that is not secure. ' +
    'Where a proxy ends TLS, the option `secure` must say which requests came through it';
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

/** A message of the channel `kpass:error`. */
export interface ErrorMessage {
  error: unknown;
  /** The request that could not be answered. Not enumerable: its headers hold the password. */
  readonly request: IncomingMessage;
}

const errors = channel('kpass:error');
const warned = new Set<string>();

/** Tells the operator; the process's warnings stand in, once for each code, when nobody listens. */
export function report(error: unknown, request: IncomingMessage): void {
  if (errors.hasSubscribers) {
    // Who logs the whole message must not log the Authorization header with it.
    const message: Pick<ErrorMessage, 'error'> = { error };
    errors.publish(Object.defineProperty(message, 'request', { value: request }));
    return;
  }
  const code = error instanceof KpassError ? error.code : 'ERR_KPASS_INTERNAL';
  warnOnce(code, `${error}. More of this kind go to the diagnostics_channel kpass:error only`);
}

function warnOnce(code: string, message: string): void {
  if (warned.has(code)) return;
  warned.add(code);
  process.emitWarning(message, { type: 'KpassWarning', code });
}
