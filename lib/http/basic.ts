// The scheme Basic (RFC 7617): its challenge, and the user and the password in the request. Malformed
// credentials are no credentials; they never throw.

import { isUtf8 } from 'node:buffer';
import { authorizationOf } from './authorization.js';
import type { AnyRequest } from './request.js';
import type { Identified, Scheme } from './scheme.js';
import type { Verifications } from './verifications.js';

/** Characters. kpass takes 256 bytes of name and 1,024 of password; a longer field is not read. */
const MAX_HEADER = 8 * 1024;

// RFC 9110, 11.4: credentials = auth-scheme [ 1*SP ( token68 / #auth-param ) ]: one value, and
// nothing after it. 11.1: the case of the scheme's name does not matter.
// RFC 7617, 2: for Basic, the value is token68: the base64 of RFC 4648, 4, in no other alphabet.
const FORM = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;

const COLON = 0x3a;

export class Basic implements Scheme {
  readonly name = 'Basic';
  readonly challenge: string;
  readonly #verifications: Verifications;

  /** `realm` is shown to the user: printable ASCII. */
  constructor(realm: string, verifications: Verifications) {
    this.challenge = challengeFor(realm);
    this.#verifications = verifications;
  }

  /** A user whose credentials were refused may have others. */
  suits(): boolean {
    return true;
  }

  async identify(request: AnyRequest): Promise<Identified | null> {
    const credentials = credentialsOf(request);
    if (credentials === null) return null;
    const result = await this.#verifications.verify(credentials.user, credentials.password);
    return typeof result === 'string' ? result : { account: result };
  }

  close(): void {
    this.#verifications.close();
  }
}

/** RFC 7617, 2 and 2.1. The realm is a quoted-string: RFC 9110, 5.6.4. */
function challengeFor(realm: string): string {
  return `Basic realm="${realm.replace(/["\\]/g, '\\$&')}", charset="UTF-8"`;
}

interface Credentials {
  readonly user: string;
  /** Bytes of its own, for the reader to wipe. */
  readonly password: Uint8Array;
}

function credentialsOf(request: AnyRequest): Credentials | null {
  const header = authorizationOf(request, MAX_HEADER);
  const token = header === null ? undefined : FORM.exec(header)?.[1];
  return token === undefined ? null : decode(token);
}

/** RFC 7617, 2: user-pass = user-id ":" password. */
function decode(token: string): Credentials | null {
  const bytes = Buffer.from(token, 'base64');
  const credentials = parse(bytes, token);
  if (credentials === null) bytes.fill(0);
  return credentials;
}

function parse(bytes: Buffer, token: string): Credentials | null {
  // RFC 4648, 3.5: bytes have one spelling only, padded, with unused bits of zero. Node reads others.
  if (bytes.toString('base64') !== token) return null;
  // 2: no control characters (RFC 5234, B.1: CTL). 2.1: UTF-8, as the challenge demands.
  if (holdsControl(bytes) || !isUtf8(bytes)) return null;
  // 2: a user-id has no colon, so the first colon ends it. A password may have more colons.
  const colon = bytes.indexOf(COLON);
  if (colon < 0) return null;
  return { user: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) };
}

function holdsControl(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte < 0x20 || byte === 0x7f) return true;
  return false;
}
