/** Users in every state that a KDC knows, for one realm. */
import type { Realm } from 'kpass/testing';
import { kinit } from './kinit';

interface User {
  password: string;
  /** Options of kadmin's addprinc. */
  flags: readonly string[];
}

const LONG_AGO = '1/1/2001';

/** After so many failures the KDC locks a user of the policy `strict`. */
export const MAX_FAILURES = 2;

function user(password: string, ...flags: string[]): User {
  return { password, flags };
}

/** Each user's name says what is special about it; alice, who is ordinary, comes first. */
export const USERS = {
  alice: user('wonderland'),
  'alice/admin': user('looking glass'),
  utf8: user('pässwörd ☃ 密码 🔑'),
  quotes: user(` "double" 'single' \\back\\slash $HOME \`id\` %s `),
  zoë: user('umlaut'),
  'mary ann': user('white rabbit'),
  nopreauth: user('wonderland', '-requires_preauth'),
  sha2: user('wonderland', '-e', 'aes256-cts-hmac-sha384-192:normal'),
  expiredpassword: user('wonderland', '-pwexpire', LONG_AGO),
  mustchange: user('wonderland', '+needchange'),
  expired: user('wonderland', '-expire', LONG_AGO),
  disabled: user('wonderland', '-allow_tix'),
  /** Is locked after so many wrong passwords; has none yet. */
  strict: user('wonderland', '-policy', 'strict'),
  /** Has been locked so. */
  locked: user('wonderland', '-policy', 'strict'),
} as const satisfies Record<string, User>;

/** Adds all of them. */
export async function addUsers(realm: Realm): Promise<void> {
  const hour = '1 hour';
  const lockout = ['-maxfailure', `${MAX_FAILURES}`, '-failurecountinterval', hour];
  await realm.kadmin('addpol', ...lockout, '-lockoutduration', hour, 'strict');
  for (const [name, { password, flags }] of Object.entries(USERS)) {
    await realm.addUser(name, password, ...flags);
  }
  for (let n = 0; n < MAX_FAILURES; n++) await kinit(realm.config, 'locked', 'wrong');
}

/** How many wrong passwords in a row the realm's database counts for a user. */
export async function failedCount(realm: Realm, name: string): Promise<number> {
  const printed = await realm.kadmin('getprinc', name);
  const count = /^Failed password attempts: (\d+)$/m.exec(printed)?.[1];
  if (count === undefined) throw new Error(`No failure count in ${printed}`);
  return Number(count);
}
