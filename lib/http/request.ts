// The requests that kpass/http takes, and what an operator's function is asked about them.

import type { IncomingMessage } from 'node:http';

/** A request of Node's http, https or http2; or one of the Fetch API. */
export type AnyRequest = IncomingMessage | Request;

/**
 * A question of the operator's about a request. The request is of one kind at a time. The type says
 * both, so that a function for either kind will do.
 */
export type Question = (request: IncomingMessage & Request) => boolean;
