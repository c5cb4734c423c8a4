// The kind of KDC that answers. Remedies are that system's own commands.

import { readFileSync } from 'node:fs';
import { type AsReply, asRequest, readAsReply } from './as-exchange.js';
import { ask, type Endpoint, type Protocol } from './ask.js';
import type { PrivateRealm } from './private-realm.js';

export type KdcKind =
  | 'MIT'
  | 'FreeIPA'
  | 'Heimdal'
  | 'Samba'
  | 'Active Directory'
  /** MIT's, in a private realm. */
  | PrivateRealm;

/** ms for a reply from a KDC that has just answered. */
const PATIENCE = 3000;

const CLIENT_UNKNOWN = 6;

/** A KDC that answered, and the protocol by which it did. */
export interface Asked extends Endpoint {
  protocol: Protocol;
}

/**
 * Tells the KDC by its answer to a request of a user that it does not know, and of krbtgt. MIT's KDC
 * explains its errors, and those of the others have no text. Windows leaves the client's name out of its
 * errors. Only in a directory such as Samba's is krbtgt no name that could log in. Null: it cannot be
 * told.
 */
export async function kindOf(realm: string, kdc: Asked, unknown: AsReply): Promise<KdcKind | null> {
  if (!('error' in unknown) || unknown.error !== CLIENT_UNKNOWN) return null;
  if (unknown.text !== undefined) return isFreeIpa(realm) ? 'FreeIPA' : 'MIT';
  if (!unknown.namesClient) return 'Active Directory';
  const name = `krbtgt/${realm}`;
  const reply = await replyTo(asRequest(realm, name, name), kdc);
  if (reply === null) return null;
  return 'error' in reply && reply.error === CLIENT_UNKNOWN ? 'Samba' : 'Heimdal';
}

export async function replyTo(request: Buffer, kdc: Asked | undefined): Promise<AsReply | null> {
  if (kdc === undefined) return null;
  const reply = await ask(kdc.protocol, kdc, request, PATIENCE).catch(() => null);
  return reply && readAsReply(reply.bytes);
}

/** FreeIPA's KDC is MIT's. But each of its clients has a file that names the realm. */
function isFreeIpa(realm: string): boolean {
  try {
    const text = readFileSync('/etc/ipa/default.conf', 'utf8');
    return /^realm\s*=\s*(\S+)/m.exec(text)?.[1] === realm;
  } catch {
    return false;
  }
}

/** Whether a service's name may belong to an account of another name, which alone can log in. */
export const mayHaveAccounts = (kind: KdcKind | null): boolean =>
  kind === 'Samba' || kind === 'Active Directory' || kind === null;
