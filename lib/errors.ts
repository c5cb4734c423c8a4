// What an outcome of the native side means to the caller: one table, from the
// step that had the last word and libkrb5's code to a verdict or an error.
//
// Never by the code alone: 31 is a wrong password from the AS exchange, and an
// impostor from the verification.

import type { Settings } from './arguments.js';
import type { NativeAsked, NativeOutcome } from './binding.js';
import { krb5Name } from './krb5-codes.js';

/** Stable: programs may branch on it. */
export type KpassErrorCode =
  | 'ERR_KPASS_CONFIG'
  | 'ERR_KPASS_KDC'
  | 'ERR_KPASS_KEYTAB'
  | 'ERR_KPASS_UNVERIFIED'
  | 'ERR_KPASS_ACCOUNT'
  | 'ERR_KPASS_TIMEOUT'
  | 'ERR_KPASS_BUSY'
  | 'ERR_KPASS_CLOSED'
  | 'ERR_KPASS_INTERNAL';

/**
 * Why a verification came to `verified: false`.
 *
 * - `credentials`: wrong password, unknown user, foreign realm, or input that can never be
 *   right; one word on purpose, for telling them apart tells who has an account
 * - `expired`: the KDC says that the password must be changed; no proof that it was right
 * - `disabled`: the account is locked, revoked or expired
 * - `policy`: the KDC refuses this login
 */
export type DenialReason = 'credentials' | 'expired' | 'disabled' | 'policy';

interface KpassErrorDetails {
  step: string;
  krb5Code?: number;
  reason?: DenialReason;
}

/** All that a verification can end with beside a verdict. Messages are for people; `code` is stable. */
export class KpassError extends Error {
  readonly code: KpassErrorCode;
  /** The libkrb5 call that failed, or the stage outside libkrb5: 'queue', 'deadline', … */
  readonly step: string;
  // Declared, not defined: a log does not show what is not there.
  /** libkrb5's number, where it gave one. */
  declare readonly krb5Code?: number;
  /** Its symbol, e.g. 'KRB5_KDC_UNREACH'. */
  declare readonly krb5Name?: string;
  /** With ERR_KPASS_ACCOUNT: what the verdict's reason was. */
  declare readonly reason?: DenialReason;

  constructor(code: KpassErrorCode, message: string, details: KpassErrorDetails) {
    super(message);
    this.code = code;
    this.step = details.step;
    if (details.krb5Code !== undefined) {
      this.krb5Code = details.krb5Code;
      const name = krb5Name(details.krb5Code);
      if (name !== undefined) this.krb5Name = name;
    }
    if (details.reason !== undefined) this.reason = details.reason;
  }
}
// As Node's own errors do it: not an own property, so it does not show twice.
Object.defineProperty(KpassError.prototype, 'name', { value: 'KpassError', configurable: true });

type Meaning = DenialReason | Exclude<KpassErrorCode, 'ERR_KPASS_ACCOUNT'>;
interface Row {
  readonly steps: readonly string[] | 'any';
  readonly codes: readonly string[] | RegExp | 'any';
  readonly meaning: Meaning;
}

const AS = ['krb5_get_init_creds_password'];
const VERIFY = ['krb5_verify_init_creds'];
// Without a TGT the verification talks to nobody; with one it asks the TGS.
const KDC = [...AS, ...VERIFY];

// The first row that fits decides. RFC 4120, 7.5.9 lists the codes that a KDC
// sends; the comments say who sends them, or why they mean this here.
const MEANINGS: readonly Row[] = [
  // The machine is short of something, whatever the step was.
  { steps: 'any', codes: ['ENOMEM', 'EMFILE', 'ENFILE'], meaning: 'ERR_KPASS_INTERNAL' },

  // kpass's own refusals: see ParseUser and Conversation::CheckClient.
  { steps: ['input', 'realm', 'client'], codes: 'any', meaning: 'credentials' },

  // Before any message. profile(5): PROF_* codes for a krb5.conf that cannot be parsed.
  {
    steps: ['krb5.conf', 'profile_init', 'krb5_init_context_profile'],
    codes: 'any',
    meaning: 'ERR_KPASS_CONFIG',
  },
  // KRB5_CONFIG_NODEFREALM: neither [domain_realm] nor default_realm says the realm.
  {
    steps: ['krb5_expand_hostname', 'krb5_get_host_realm', 'krb5_parse_name'],
    codes: 'any',
    meaning: 'ERR_KPASS_CONFIG',
  },
  // KRB5_KT_UNKNOWN_TYPE, KRB5_KT_BADNAME.
  { steps: ['krb5_kt_resolve'], codes: 'any', meaning: 'ERR_KPASS_CONFIG' },
  // ENOENT, EACCES, EISDIR, KRB5_KT_NOTFOUND, KRB5_KEYTAB_BADVNO and whatever else garbage gives.
  { steps: ['krb5_kt_get_entry'], codes: 'any', meaning: 'ERR_KPASS_KEYTAB' },

  // The password. 24: MIT, AD, Heimdal, Samba. 31: the reply does not decrypt (no preauth), or
  // older Heimdal. 68: the account is in another realm than the one asked (RFC 6806, 7).
  {
    steps: AS,
    codes: [
      'KRB5KDC_ERR_PREAUTH_FAILED',
      'KRB5KRB_AP_ERR_BAD_INTEGRITY',
      'KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN',
      'KRB5KDC_ERR_WRONG_REALM',
    ],
    meaning: 'credentials',
  },
  // Gone between the two exchanges.
  { steps: VERIFY, codes: ['KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN'], meaning: 'credentials' },
  // MIT sends it before it looks at the password; Heimdal and Samba after.
  { steps: KDC, codes: ['KRB5KDC_ERR_KEY_EXP'], meaning: 'expired' },
  // Expired account; locked or disabled (AD: of all kinds); not valid yet.
  {
    steps: KDC,
    codes: ['KRB5KDC_ERR_NAME_EXP', 'KRB5KDC_ERR_CLIENT_REVOKED', 'KRB5KDC_ERR_CLIENT_NOTYET'],
    meaning: 'disabled',
  },
  // 12: a policy of the KDC's. The others: this account's KDC wants something else than a
  // password, such as a certificate or a token (krb5_get_init_creds gives -1765328174 then).
  {
    steps: KDC,
    codes: [
      'KRB5KDC_ERR_POLICY',
      'KRB5KDC_ERR_PREAUTH_REQUIRED',
      'KRB5KDC_ERR_MORE_PREAUTH_DATA_REQUIRED',
      'KRB5KDC_ERR_NULL_KEY',
      'KRB5KDC_ERR_PADATA_TYPE_NOSUPP',
      'KRB5_PREAUTH_FAILED',
      'KRB5_PREAUTH_BAD_TYPE',
    ],
    meaning: 'policy',
  },
  // The service: unknown (7), for user-to-user only (27: MIT's -allow_svr), expired, revoked, not
  // valid yet; or no encryption type in common, which krb5.conf's permitted_enctypes decides.
  {
    steps: KDC,
    codes: [
      'KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN',
      'KRB5KDC_ERR_MUST_USE_USER2USER',
      'KRB5KDC_ERR_SERVICE_EXP',
      'KRB5KDC_ERR_SERVICE_REVOKED',
      'KRB5KDC_ERR_SERVICE_NOTYET',
      'KRB5KDC_ERR_SERVER_NOMATCH',
      'KRB5KDC_ERR_BADOPTION',
      'KRB5KDC_ERR_ETYPE_NOSUPP',
      'KRB5_CONFIG_ETYPE_NOSUPP',
      'KRB5_NOPERM_ETYPE',
      // No way of trust between the two realms, or one that [capaths] does not allow.
      'KRB5KRB_AP_ERR_ILL_CR_TKT',
      'KRB5KRB_AP_PATH_NOT_ACCEPTED',
    ],
    meaning: 'ERR_KPASS_CONFIG',
  },
  // Nobody there, or nobody known to be there; unwell (29, 60); the two clocks differ. EAGAIN: no
  // name server answers for the name of a KDC (libkrb5's transport, translate_ai_error).
  {
    steps: KDC,
    codes: [
      'EAGAIN',
      'KRB5_KDC_UNREACH',
      'KRB5_REALM_UNKNOWN',
      'KRB5_REALM_CANT_RESOLVE',
      'KRB5KDC_ERR_SVC_UNAVAILABLE',
      'KRB5KRB_ERR_GENERIC',
      'KRB5KRB_ERR_RESPONSE_TOO_BIG',
      'KRB5KRB_AP_ERR_SKEW',
      'KRB5KRB_AP_ERR_TKT_EXPIRED',
      'KRB5KRB_AP_ERR_TKT_NYV',
      'KRB5KDC_ERR_NEVER_VALID',
      'KRB5_KDCREP_SKEW',
    ],
    meaning: 'ERR_KPASS_KDC',
  },
  // Not Kerberos, or not the answer to what was asked.
  {
    steps: KDC,
    codes: [
      'KRB5KRB_AP_ERR_MSG_TYPE',
      'KRB5KRB_AP_ERR_BADVERSION',
      'KRB5KRB_AP_ERR_V4_REPLY',
      'KRB5KDC_ERR_BAD_PVNO',
      'KRB5_BADMSGTYPE',
      'KRB5_KDCREP_MODIFIED',
      'KRB5_GET_IN_TKT_LOOP',
      'KRB5_BAD_ENCTYPE',
      'KRB5_BAD_MSIZE',
      'KRB5_BAD_KEYSIZE',
      'KRB5_CRYPTO_INTERNAL',
      'KRB5_PROG_ETYPE_NOSUPP',
    ],
    meaning: 'ERR_KPASS_KDC',
  },
  { steps: KDC, codes: /^ASN1_/, meaning: 'ERR_KPASS_KDC' },

  // The keytab's key does not open the ticket (rd_req_dec.c: 31, or 35 and 36 for a ticket of
  // somebody else's).
  {
    steps: VERIFY,
    codes: [
      'KRB5KRB_AP_ERR_BAD_INTEGRITY',
      'KRB5KRB_AP_ERR_MODIFIED',
      'KRB5KRB_AP_ERR_BADMATCH',
      'KRB5KRB_AP_ERR_NOT_US',
    ],
    meaning: 'ERR_KPASS_UNVERIFIED',
  },
  // The keytab has no such key: 44 and -1765328154 for another version of it, 45 for none.
  {
    steps: VERIFY,
    codes: [
      'KRB5KRB_AP_ERR_BADKEYVER',
      'KRB5KRB_AP_ERR_NOKEY',
      'KRB5_KT_NOTFOUND',
      'KRB5_KT_KVNONOTFOUND',
      'KRB5_KT_END',
      'KRB5_KT_FORMAT',
      'KRB5_KT_IOERR',
      'KRB5_KEYTAB_BADVNO',
      'ENOENT',
      'ENOTDIR',
      'EACCES',
      'EPERM',
      'EISDIR',
    ],
    meaning: 'ERR_KPASS_KEYTAB',
  },
];

/** What an outcome that is not `verified` means; ERR_KPASS_INTERNAL where no row knows it. */
export function meaningOf(step: string, code: number): Meaning {
  const name = krb5Name(code) ?? '';
  const fits = (row: Row) =>
    (row.steps === 'any' || row.steps.includes(step)) &&
    (row.codes === 'any' ||
      (row.codes instanceof RegExp ? row.codes.test(name) : row.codes.includes(name)));
  return MEANINGS.find(fits)?.meaning ?? 'ERR_KPASS_INTERNAL';
}

// What the reader must look at, for each error that the native side can end with.
const SUBJECTS: { [code in KpassErrorCode]?: (outcome: NativeOutcome) => string } = {
  ERR_KPASS_CONFIG: ({ service, keytab }) =>
    ['Kerberos configuration', service && `service ${service}`, keytab && `keytab ${keytab}`]
      .filter(Boolean)
      .join(', '),
  ERR_KPASS_KDC: kdcOf,
  ERR_KPASS_KEYTAB: ({ keytab, service }) => `keytab ${keytab}, key of ${service}`,
  ERR_KPASS_UNVERIFIED: ({ keytab, service, realms }) =>
    `the ticket for ${service} does not open with the key in keytab ${keytab}: ` +
    `either that key is not the KDC's, or an impostor answers for the KDC of ${realms.join(' or ')}`,
};

function kdcOf({ realms, kdcs, service }: NativeAsked): string {
  const named = `krb5.conf names ${kdcs.join(', ') || 'none'}`;
  return `KDC of realm ${realms.join(' or ')} (${named}), asked for service ${service}`;
}

/** The error for an outcome whose meaning is one. */
export function errorFrom(
  outcome: NativeOutcome,
  code: Exclude<KpassErrorCode, 'ERR_KPASS_ACCOUNT'>,
): KpassError {
  const subject = SUBJECTS[code]?.(outcome) ?? 'internal error';
  const words = outcome.message || krb5Name(outcome.code) || `code ${outcome.code}`;
  const message = `${subject}: ${words} (${outcome.step})`;
  return new KpassError(code, printable(message), { step: outcome.step, krb5Code: outcome.code });
}

/** The error for a verification that had no verdict in time. */
export function deadlinePassed(
  { service, host }: Settings,
  timeout: number,
  asked: NativeAsked,
): KpassError {
  const waitedFor =
    asked.realms.length === 0
      ? `service ${service}/${host ?? "this machine's name"} was still waiting for a thread, ` +
        'or for what libkrb5 reads first: krb5.conf, the keytab, DNS'
      : `no answer in time from the ${kdcOf(asked)}`;
  return new KpassError('ERR_KPASS_TIMEOUT', printable(`after ${timeout} ms: ${waitedFor}`), {
    step: 'deadline',
  });
}

/** libkrb5's words may hold what a KDC sent: nothing of it may start a line in a log. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}
