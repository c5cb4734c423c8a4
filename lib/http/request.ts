// The requests that kpass/http takes.

import type { IncomingMessage } from 'node:http';

/** A request of Node's http, https or http2; or one of the Fetch API. */
export type AnyRequest = IncomingMessage | Request;
