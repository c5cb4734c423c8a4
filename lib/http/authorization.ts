// Reads the Authorization field of a request: RFC 9110, 11. A malformed field is no credentials; it
// never throws.

import { IncomingMessage } from 'node:http';
import { propertyOf } from '../validate.js';
import type { AnyRequest } from './request.js';

const FIELD = 'authorization';

/** The field's value. Null: there is none, more than one, or one of more than `most` characters. */
export function authorizationOf(request: AnyRequest, most: number): string | null {
  if (request instanceof IncomingMessage) return headerOf(request, most);
  const header = fieldOf(request);
  if (typeof header !== 'string' || header.length > most) return null;
  return isRepeated(request as unknown as IncomingMessage) ? null : header;
}

/** `headers` is from Node's own prototype: nobody else's can come first. */
function headerOf(request: IncomingMessage, most: number): string | null {
  const { headers } = request;
  const header = Object.hasOwn(headers, FIELD) ? headers.authorization : undefined;
  if (header === undefined || header.length > most) return null;
  return isRepeated(request) ? null : header;
}

/** Whether the request has the field at all, well-formed or not. */
export function hasAuthorization(request: AnyRequest): boolean {
  return (fieldOf(request) ?? undefined) !== undefined;
}

/** Whether this is a request of the Fetch API. */
export function isFetch(request: AnyRequest): request is Request {
  return isHeaders(headersOf(request));
}

function fieldOf(request: AnyRequest): unknown {
  const headers = headersOf(request);
  return isHeaders(headers) ? headers.get(FIELD) : propertyOf(headers, FIELD);
}

function headersOf(request: AnyRequest): object {
  const headers = propertyOf(request, 'headers');
  if (typeof headers !== 'object' || headers === null) throw new TypeError('no headers');
  return headers;
}

/**
 * Not instanceof: a framework may bring its own class. In the Fetch API's headers, repeated fields are
 * one, joined by commas: that is no form of credentials.
 */
function isHeaders(headers: object): headers is Headers {
  return typeof propertyOf(headers, 'get') === 'function';
}

// RFC 9110, 5.3: a field that is not a list may come only once. Two of them are two claims about the
// user: Node keeps the first one, and a proxy on the way may have looked at the last one.
function isRepeated(request: IncomingMessage): boolean {
  const rawHeaders = propertyOf(request, 'rawHeaders') as string[] | undefined;
  if (rawHeaders === undefined) return false; // Not from a network: made by hapi's inject().
  let times = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === FIELD.length && name.toLowerCase() === FIELD) times++;
  }
  return times > 1;
}
