// @ts-check
// pino: kpass's errors and throttled accounts in the log, and no password.

import { subscribe } from 'node:diagnostics_channel';
import { pino } from 'pino';

/** @param {import('pino').DestinationStream} [stream] */
export function loggerFor(stream) {
  // Basic credentials are a header. A log of whole requests must not have it.
  const redact = ['req.headers.authorization', 'request.headers.authorization'];
  const logger = pino({ redact }, stream ?? pino.destination(1));
  // pino writes the message, the code and the stack of an error whose key is `err`, and of no other.
  subscribe('kpass:error', ({ error: err, request }) => logger.error({ err, url: request?.url }));
  subscribe('kpass:throttle', (event) => logger.warn(event, 'an account is throttled'));
  return logger;
}
