// Users in every state that a KDC knows, for one realm.

import type { User } from 'kpass/testing';

/** Each name describes the special property of the user; alice, the first, is ordinary. */
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
  /** The KDC locks this user after two wrong passwords. It has counted none yet. */
  strict: { password: 'wonderland', lockout: 2 },
  /** The KDC has already locked this user. */
  locked: { password: 'wonderland', state: 'locked' },
} as const satisfies Record<string, User>;
