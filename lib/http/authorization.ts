// Reads the name and the password out of a request: RFC 9110, 11 (the Authorization field) and
// RFC 7617 (the Basic scheme). What is malformed is a value, never an exception: no credentials.

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

export interface Credentials {
  readonly user: string;
  /** The reader's own: whoever takes it over wipes it. */
  readonly password: Uint8Array;
}

/** Bytes. kpass takes 256 of name and 1,024 of password; a longer header is refused unread. */
const MAX_HEADER = 8 * 1024;

const FIELD = 'authorization';

// RFC 9110, 11.4: credentials = auth-scheme [ 1*SP ( token68 / #auth-param ) ], one value and
// nothing after it. 11.1: the scheme is matched case-insensitively.
// RFC 7617, 2: for Basic it is token68, the base64 of RFC 4648, 4: no other alphabet.
const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;

const COLON = 0x3a;

/** The request's credentials; null where it has none, or none that are well-formed. */
export function credentialsOf(request: IncomingMessage): Credentials | null {
  const header = request.headers[FIELD];
  if (header === undefined || header.length > MAX_HEADER) return null;
  if (isRepeated(request)) return null;
  const token = BASIC.exec(header)?.[1];
  return token === undefined ? null : decode(token);
}

// RFC 9110, 5.3: a field that is no list comes once; two of them are two opinions on who asks.
// Node keeps the first one, and a proxy on the way may have looked at the last.
function isRepeated({ rawHeaders }: Partial<IncomingMessage>): boolean {
  if (rawHeaders === undefined) return false; // No network: made by hapi's inject().
  let times = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === FIELD.length && name.toLowerCase() === FIELD) times++;
  }
  return times > 1;
}

/** RFC 7617, 2: user-pass = user-id ":" password. */
function decode(token: string): Credentials | null {
  const bytes = Buffer.from(token, 'base64');
  // RFC 4648, 3.5: one spelling, padded, its unused bits zero. Node would read any.
  if (bytes.toString('base64') !== token) return null;
  // 2: no control characters (RFC 5234, B.1: CTL). 2.1: UTF-8, as the challenge demands.
  if (holdsControl(bytes) || !isUtf8(bytes)) return null;
  // 2: a user-id holds no colon, so the first one ends it; a password may hold more.
  const colon = bytes.indexOf(COLON);
  if (colon < 0) return null;
  return { user: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) };
}

function holdsControl(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte < 0x20 || byte === 0x7f) return true;
  return false;
}
