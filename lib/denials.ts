// Why a login is denied: the reasons, and the one wording of each.

/**
 * Why a verification came to `verified: false`.
 *
 * - `credentials`: this name and password do not log in: a wrong password, an unknown user, a
 *   foreign realm, or input that can never be right. One word for all on purpose: different words
 *   would tell a stranger which accounts exist
 * - `expired`: the KDC says that the password must be changed, which is no proof that it was right
 * - `disabled`: the KDC says that the account is locked, revoked or expired
 * - `policy`: the KDC refuses this login, or wants more than a password
 * - `second-factor`: the KDC asks for the value of the user's token, and there was none
 */
export type DenialReason = 'credentials' | 'expired' | 'disabled' | 'policy' | 'second-factor';

/** A denial at the step 'enctypes', in words. Its reason is `policy`. */
export const NO_KEY =
  'the account seems to have only keys of old encryption types, such as RC4. A new password gives it ' +
  "newer keys; or name the old type in krb5.conf's permitted_enctypes. (An account that takes no " +
  'password looks the same)';

/** Each reason in words, for messages. */
export const DENIALS: Readonly<Record<DenialReason, string>> = {
  credentials: 'wrong user name or password',
  expired: 'the KDC says that the password must be changed, which is no proof that it was right',
  disabled: 'the KDC says that the account is locked, revoked or expired',
  policy: 'the KDC refuses this login, or requires more than a password',
  'second-factor': "the KDC asks for the value of the user's token",
};
