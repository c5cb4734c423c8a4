// An authentication scheme of HTTP (RFC 9110, 11), as auth.ts needs it. Each scheme is a file.

import type { DenialReason } from '../denials.js';
import type { AnyRequest } from './options.js';

/** The user that a request comes from. */
export interface Identity {
  /** The principal without its realm: 'alice'. It names an account only together with the realm. */
  user: string;
  /** The account, as the ticket names it: 'alice@EXAMPLE.COM'. */
  principal: string;
  /** The account's realm: 'EXAMPLE.COM'. */
  realm: string;
}

type Identified = Readonly<Identity> | DenialReason | null;

export interface Scheme {
  /** The value of WWW-Authenticate that asks for credentials of this scheme. */
  readonly challenge: string;
  /**
   * Verifies the credentials of a request. A reason: they are denied. Null: it has none of this
   * scheme. Throws a KpassError, or rejects with it, if there is no verdict. What is remembered needs no
   * promise.
   */
  identify(request: AnyRequest): Promise<Identified> | Identified;
  /** Ends what the scheme holds. From now on it verifies nothing. */
  close(): void;
}
