// Calls kpass in a test realm, for its service HTTP/localhost by default.

import assert from 'node:assert/strict';
import {
  Acceptor,
  type AcceptorOptions,
  KpassError,
  type KpassOptions,
  kpass,
  Verifier,
  type VerifierOptions,
} from 'kpass';
import type { Realm } from 'kpass/testing';

export const SERVICE = 'HTTP/localhost';

/** A realm of any KDC: of kpass/testing, heimdal.ts or samba.ts. */
export type AnyRealm = Pick<Realm, 'keytab' | 'config'>;

/** Options for a verifier in this realm. */
export function optionsFor(realm: AnyRealm, more: Partial<VerifierOptions> = {}): VerifierOptions {
  return {
    service: 'HTTP',
    host: 'localhost',
    keytab: realm.keytab(SERVICE),
    config: realm.config,
    ...more,
  };
}

export function verifierFor(realm: AnyRealm, more: Partial<VerifierOptions> = {}): Verifier {
  return new Verifier(optionsFor(realm, more));
}

/** Calls kpass() in this realm. */
export function kpassIn(
  realm: AnyRealm,
  user: string,
  password: string | Uint8Array,
  more: KpassOptions & Pick<VerifierOptions, 'service' | 'host' | 'keytab'> = { service: 'HTTP' },
): Promise<boolean> {
  const { service, host, keytab, ...options } = { ...optionsFor(realm), ...more };
  return kpass(user, password, service, host, keytab, options);
}

/** The KpassError that a promise rejects with; fails if it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<KpassError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  assert('error' in outcome, `no rejection, but ${JSON.stringify(outcome)}`);
  const { error } = outcome;
  assert(error instanceof KpassError, `not a KpassError: ${error}`);
  return error;
}

/** Options for an acceptor in this realm. */
export function acceptorOptionsFor(
  realm: Realm,
  more: Partial<AcceptorOptions> = {},
): AcceptorOptions {
  return {
    service: 'HTTP',
    host: 'localhost',
    keytab: realm.keytab(SERVICE),
    config: realm.config,
    ...more,
  };
}

export function acceptorFor(realm: Realm, more: Partial<AcceptorOptions> = {}): Acceptor {
  return new Acceptor(acceptorOptionsFor(realm, more));
}
