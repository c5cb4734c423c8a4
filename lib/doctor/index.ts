// kpass/doctor: doctor as a function. `kpass doctor` is the same for a person.

import '../outside.js';
import { Chain, type Link } from '../cli/doctor/chain.js';
import { lookAtStore } from '../cli/doctor/store.js';
import { walk } from '../cli/doctor/walk.js';
import { checkCredentials } from '../credentials.js';
import { checkSettings, VERIFIER_KEYS } from '../settings.js';
import type { ThrottleStore } from '../throttle-store.js';
import { optionsObject, wrongType } from '../validate.js';
import type { VerifierOptions } from '../verifier.js';

export type { Link, Status } from '../cli/doctor/chain.js';

export interface DiagnoseOptions extends VerifierOptions {
  /** A user whose login is tried too. Default: none. */
  user?: { name: string; password: string | Uint8Array } | undefined;
  /** The throttle's store: does it answer, and does it keep what it counts? Default: none. */
  store?: ThrottleStore | undefined;
}

/** What `kpass doctor --json` prints. */
export interface Diagnosis {
  /** Whether no link is broken. */
  ok: boolean;
  /** In the order in which they depend on each other. */
  links: Link[];
}

/**
 * Looks at each link between here and a verified login, as `kpass doctor` does. It asks the KDCs, and logs
 * in with the keytab. A process of its own asks libkrb5, so nothing holds this one.
 *
 * @returns rejects with a TypeError (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE) for options that can
 *   never work; a broken link is a result
 */
export async function diagnose(options: DiagnoseOptions): Promise<Diagnosis> {
  const given = optionsObject('options', options ?? null, [...VERIFIER_KEYS, 'user', 'store']);
  const { user, store, ...rest } = given;
  const settings = checkSettings(rest as unknown as VerifierOptions);
  const login = checkUser(user);
  const chain = new Chain({ onStart() {}, onLink: (link) => delete link.trace });
  try {
    await walk(chain, rest as unknown as VerifierOptions, settings, login);
    if (store !== undefined) {
      await chain.look('store', '', [], () => lookAtStore(store as ThrottleStore));
    }
  } finally {
    login?.password.fill(0);
  }
  return { ok: chain.holds, links: chain.links };
}

function checkUser(value: unknown): { name: string; password: Uint8Array } | null {
  if (value === undefined) return null;
  if (typeof value !== 'object') throw wrongType('user', 'an object', value);
  const { name, password } = optionsObject('user', value, ['name', 'password']);
  checkCredentials(name as string, password as string);
  return { name: name as string, password: Uint8Array.from(Buffer.from(password as string)) };
}
