// Users in every state that a KDC knows, for one realm.

import type { User } from 'kpass/testing';

/** Each user's name says what is special about it; alice, the first, is ordinary. */
export const USERS = {
  alice: { password: 'wonderland' },
  'alice/admin': { password: 'looking glass' },
  utf8: { password: 'pässwörd ☃ 密码 🔑' },
  quotes: { password: ` "double" 'single' \\back\\slash $HOME \`id\` %s ` },
  zoë: { password: 'umlaut' },
  'mary ann': { password: 'white rabbit' },
  nopreauth: { password: 'wonderland', preauth: false },
  sha2: { password: 'wonderland', enctypes: ['aes256-cts-hmac-sha384-192'] },
  expiredpassword: { password: 'wonderland', state: 'password-expired' },
  mustchange: { password: 'wonderland', state: 'must-change' },
  expired: { password: 'wonderland', state: 'expired' },
  disabled: { password: 'wonderland', state: 'disabled' },
  /** The KDC will lock it after some wrong passwords; it has none yet. */
  strict: { password: 'wonderland', lockout: 2 },
  /** The KDC has locked it. */
  locked: { password: 'wonderland', state: 'locked' },
} as const satisfies Record<string, User>;
