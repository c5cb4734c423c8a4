// An authentication scheme of HTTP (RFC 9110, 11), as auth.ts needs it. Each scheme is a file.

import type { DenialReason } from '../denials.js';
import type { RefusalReason } from '../refusals.js';
import type { Headers } from './answer.js';
import type { AnyRequest } from './request.js';

export type SchemeName = 'Negotiate' | 'Basic';

/** An account of a realm. */
export interface Account {
  /** The principal without its realm: 'alice'. It names an account only together with the realm. */
  user: string;
  /** The account, as the ticket names it: 'alice@EXAMPLE.COM'. */
  principal: string;
  /** The account's realm: 'EXAMPLE.COM'. */
  realm: string;
}

/** The user that a request comes from. */
export interface Identity extends Account {
  /** How the user logged in: with a ticket (Negotiate), or with a password (Basic). */
  scheme: SchemeName;
}

export function accountOf(principal: string, realm: string): Account {
  return { user: principal.slice(0, -`@${realm}`.length), principal, realm };
}

/** What a scheme makes of a request's credentials: a user, or the reason why they are not taken. */
export type Identified = Success | DenialReason | RefusalReason;

interface Success {
  readonly account: Readonly<Account>;
  /** What belongs to the answer, whatever its status. */
  readonly headers?: Headers;
}

export interface Scheme {
  readonly name: SchemeName;
  /** The value of WWW-Authenticate that asks for credentials of this scheme. */
  readonly challenge: string;
  /** Whether to ask for credentials of this scheme after a request that is not authenticated. */
  suits(request: AnyRequest): boolean;
  /**
   * Verifies the credentials of a request. Null: it has none of this scheme. Rejects with a KpassError
   * if there is no verdict.
   */
  identify(request: AnyRequest): Promise<Identified | null>;
  /** Ends what the scheme holds. From now on it verifies nothing. */
  close(): void;
}
