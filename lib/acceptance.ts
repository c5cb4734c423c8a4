// Turns the native side's acceptance into the caller's acceptance or error.

import type { NativeAcceptance } from './binding.js';
import { errorFrom } from './errors.js';
import { warnOfExposedKeytab } from './keytab-warning.js';
import { type RefusalReason, refusalOf } from './refusals.js';

/** What became of a token. */
export type Acceptance =
  | {
      accepted: true;
      /** The account, as the ticket names it: 'alice@EXAMPLE.COM'. */
      principal: string;
      /** The account's realm: 'EXAMPLE.COM'. */
      realm: string;
      /** The token to send to the client with the answer. Null: the client asks for none. */
      reply: Uint8Array | null;
      /** Whether the client is bound to the channel that `accept` got. */
      bound: boolean;
    }
  | { accepted: false; reason: RefusalReason };

/** Throws a KpassError if it is neither accepted nor refused. */
export function acceptanceOf(acceptance: NativeAcceptance): Acceptance {
  if (acceptance.keytabExposed) warnOfExposedKeytab(acceptance.keytab);
  if (acceptance.accepted) {
    const { principal, realm, reply, bound } = acceptance;
    return { accepted: true, principal, realm, reply, bound };
  }
  const reason = refusalOf(acceptance.step, acceptance.code);
  switch (reason) {
    case 'malformed':
    case 'mechanism':
    case 'ticket':
    case 'clock':
    case 'replay':
    case 'bindings':
    case 'client':
      return { accepted: false, reason };
    default:
      throw errorFrom({ ...acceptance, realms: [], kdcs: [] }, reason);
  }
}
