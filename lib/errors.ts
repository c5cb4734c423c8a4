// What an outcome of the native side means to the caller: a verdict or an error. One table says it, by
// the step that decided the outcome and by libkrb5's code.
//
// The code alone does not suffice: 31 means a wrong password in the AS exchange, and an impostor in the
// verification.

import type { NativeAsked, NativeOutcome } from './binding.js';
import type { DenialReason } from './denials.js';
import { krb5Name } from './krb5-codes.js';
import type { Settings } from './settings.js';

/** What kind of error it is. The codes are stable: programs may branch on them. */
export type KpassErrorCode =
  | 'ERR_KPASS_CONFIG'
  | 'ERR_KPASS_KDC'
  | 'ERR_KPASS_KEYTAB'
  | 'ERR_KPASS_UNVERIFIED'
  | 'ERR_KPASS_ACCOUNT'
  | 'ERR_KPASS_TIMEOUT'
  | 'ERR_KPASS_BUSY'
  | 'ERR_KPASS_CLOSED'
  | 'ERR_KPASS_STORE'
  | 'ERR_KPASS_INTERNAL';

/** A later try may succeed without any change to this machine or to the account. */
const TEMPORARY: readonly KpassErrorCode[] = [
  'ERR_KPASS_KDC',
  'ERR_KPASS_TIMEOUT',
  'ERR_KPASS_BUSY',
  'ERR_KPASS_STORE',
];

interface KpassErrorDetails {
  step: string;
  krb5Code?: number;
  reason?: DenialReason;
}

/**
 * The error of every verification that ends without a verdict. The message is for people and may
 * change; `code` is stable.
 */
export class KpassError extends Error {
  readonly code: KpassErrorCode;
  /** The libkrb5 call that failed, or the stage outside of libkrb5: 'queue', 'deadline', … */
  readonly step: string;
  // Declared, not defined: a log shows no property without a value.
  /** libkrb5's number of the error, if libkrb5 gave one. */
  declare readonly krb5Code?: number;
  /** The symbol of `krb5Code`, e.g. 'KRB5_KDC_UNREACH'. */
  declare readonly krb5Name?: string;
  /** With ERR_KPASS_ACCOUNT: the reason of the denial. */
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

  /** True if a later try may succeed: ERR_KPASS_KDC, _TIMEOUT, _BUSY and _STORE. */
  get temporary(): boolean {
    return TEMPORARY.includes(this.code);
  }
}
// On the prototype, as Node's own errors have it: a log would show an own property a second time.
Object.defineProperty(KpassError.prototype, 'name', { value: 'KpassError', configurable: true });

export type Meaning = DenialReason | Exclude<KpassErrorCode, 'ERR_KPASS_ACCOUNT'>;
export interface Row<M> {
  readonly steps: readonly string[] | 'any';
  readonly codes: readonly string[] | RegExp | 'any';
  readonly meaning: M;
}

const AS = ['krb5_get_init_creds_password'];
const ARMOR = ['krb5_get_init_creds_keytab'];
const VERIFY = ['krb5_verify_init_creds'];
// The verification asks a KDC only if the login got a TGT. It then asks the TGS for the ticket.
const KDC = [...AS, ...VERIFY];

// The first row that fits decides. RFC 4120, 7.5.9 lists the codes that a KDC sends. The comments say
// which KDCs send them, or why they have this meaning here.
const MEANINGS: readonly Row<Meaning>[] = [
  // The machine has run out of something. The step does not matter.
  { steps: 'any', codes: ['ENOMEM', 'EMFILE', 'ENFILE'], meaning: 'ERR_KPASS_INTERNAL' },

  // kpass's own refusals: bad input, a foreign realm, a ticket for another client than the user.
  { steps: ['input', 'realm', 'client'], codes: 'any', meaning: 'credentials' },

  // Before any message: krb5.conf cannot be read, or not parsed (PROF_* codes, profile.h).
  {
    steps: ['krb5.conf', 'profile_init', 'krb5_init_context_profile'],
    codes: 'any',
    meaning: 'ERR_KPASS_CONFIG',
  },
  // as_request.cc: the armor's key does not decrypt the reply.
  { steps: ['fast'], codes: 'any', meaning: 'ERR_KPASS_KDC' },
  // kdc_hooks.cc: the reply asks for too much work, or for a weak key. Anyone can forge such a reply.
  { steps: ['etype-info2'], codes: 'any', meaning: 'ERR_KPASS_KDC' },
  // KRB5_CONFIG_NODEFREALM: neither [domain_realm] nor default_realm names the realm.
  {
    steps: ['krb5_expand_hostname', 'krb5_get_host_realm', 'krb5_parse_name'],
    codes: 'any',
    meaning: 'ERR_KPASS_CONFIG',
  },
  // kpass's own: a realm that has another spelling, or a domain's realm whose users may not log in.
  { steps: ['spelling', 'domains'], codes: 'any', meaning: 'ERR_KPASS_CONFIG' },
  // KRB5_KT_UNKNOWN_TYPE, KRB5_KT_BADNAME.
  { steps: ['krb5_kt_resolve'], codes: 'any', meaning: 'ERR_KPASS_CONFIG' },
  // ENOENT, EACCES, EISDIR, KRB5_KT_NOTFOUND, KRB5_KEYTAB_BADVNO, and other codes for garbage.
  { steps: ['krb5_kt_get_entry'], codes: 'any', meaning: 'ERR_KPASS_KEYTAB' },

  // armor.cc: armor is required, and there is none. The service's login for it is refused (with the
  // codes of a user's login), or the keytab has no key for it; the realm has no FAST; the user is of
  // another realm.
  {
    steps: ARMOR,
    codes: [
      'KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN',
      'KRB5KDC_ERR_PREAUTH_FAILED',
      'KRB5KRB_AP_ERR_BAD_INTEGRITY',
      'KRB5KDC_ERR_KEY_EXP',
      'KRB5KDC_ERR_NAME_EXP',
      'KRB5KDC_ERR_CLIENT_REVOKED',
      'KRB5KDC_ERR_CLIENT_NOTYET',
      'KRB5KDC_ERR_POLICY',
      'KRB5KDC_ERR_ETYPE_NOSUPP',
      'KRB5_CONFIG_ETYPE_NOSUPP',
      'KRB5_PREAUTH_FAILED',
      'KRB5KDC_ERR_PREAUTH_REQUIRED',
      'KRB5_KT_NOTFOUND',
      'KRB5_KT_IOERR',
      'KRB5_KT_FORMAT',
      'KRB5_KEYTAB_BADVNO',
      'ENOENT',
      'EACCES',
    ],
    meaning: 'ERR_KPASS_CONFIG',
  },
  { steps: ['armor'], codes: ['KRB5KRB_ERR_GENERIC'], meaning: 'ERR_KPASS_KDC' },
  { steps: ['armor', 'fastPrincipal'], codes: 'any', meaning: 'ERR_KPASS_CONFIG' },
  { steps: ['eventfd', 'pthread_create'], codes: 'any', meaning: 'ERR_KPASS_INTERNAL' },
  { steps: ARMOR, codes: 'any', meaning: 'ERR_KPASS_KDC' },

  // A wrong password or user. 24: sent by MIT, AD, Heimdal and Samba. 31: the reply does not decrypt
  // (no preauthentication), or the KDC is an older Heimdal. 6: no such user. 68: the account is in
  // another realm than the one asked (RFC 6806, 7).
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
  // The user was deleted between the two exchanges.
  { steps: VERIFY, codes: ['KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN'], meaning: 'credentials' },
  // MIT sends it before it looks at the password, Heimdal and Samba after.
  { steps: KDC, codes: ['KRB5KDC_ERR_KEY_EXP'], meaning: 'expired' },
  // The account has expired; is locked or disabled (AD sends one code for both); is not valid yet.
  {
    steps: KDC,
    codes: ['KRB5KDC_ERR_NAME_EXP', 'KRB5KDC_ERR_CLIENT_REVOKED', 'KRB5KDC_ERR_CLIENT_NOTYET'],
    meaning: 'disabled',
  },
  // as_request.cc: the KDC finds no key of the encryption types that kpass asks for. (If krb5.conf
  // shuts out some AES types, the step is 'krb5.conf'.) KRB5_CONFIG_ETYPE_NOSUPP: libkrb5's word for a
  // reply that names only types which the request did not list.
  { steps: ['enctypes'], codes: ['KRB5_CONFIG_ETYPE_NOSUPP'], meaning: 'ERR_KPASS_KDC' },
  { steps: ['enctypes'], codes: 'any', meaning: 'policy' },
  // as_request.cc: the KDC asks for a token's value, and there was none.
  { steps: ['otp'], codes: 'any', meaning: 'second-factor' },
  // 12: a policy of the KDC. The others: the KDC wants something other than a password from this
  // account, such as a certificate or a token. krb5_get_init_creds then returns -1765328174.
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
  // The service is unknown (7), is for user-to-user only (27: MIT's -allow_svr), has expired, is
  // revoked, or is not valid yet. Or the KDC and krb5.conf's permitted_enctypes have no encryption
  // type in common.
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
      // There is no path of trust between the two realms, or [capaths] does not allow it.
      'KRB5KRB_AP_ERR_ILL_CR_TKT',
      'KRB5KRB_AP_PATH_NOT_ACCEPTED',
    ],
    meaning: 'ERR_KPASS_CONFIG',
  },
  // No KDC answers or is known; the KDC is unwell (29, 60); the clocks of KDC and machine differ.
  // EAGAIN: no name server answers for a KDC's name (libkrb5's transport, translate_ai_error).
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
  // The reply is not Kerberos, or is not the answer to the request.
  {
    steps: KDC,
    codes: [
      'KRB5KRB_AP_ERR_MSG_TYPE',
      'KRB5KRB_AP_ERR_BADVERSION',
      'KRB5KRB_AP_ERR_V4_REPLY',
      'KRB5KDC_ERR_BAD_PVNO',
      // An unarmored reply to an armored request.
      'KRB5_ERR_FAST_REQUIRED',
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

  // The keytab's key does not decrypt the ticket (rd_req_dec.c). 31: it is another key. 35, 36: the
  // ticket is for another service.
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
  // The keytab does not have the ticket's key. 44, -1765328154: it has another version. 45: none.
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

/** The meaning of an outcome that is not `verified`. If no row fits: ERR_KPASS_INTERNAL. */
export function meaningOf(step: string, code: number): Meaning {
  return lookUp(MEANINGS, step, code) ?? 'ERR_KPASS_INTERNAL';
}

/** The meaning in the first row that fits. */
export function lookUp<M>(rows: readonly Row<M>[], step: string, code: number): M | undefined {
  const name = krb5Name(code) ?? '';
  const fits = (row: Row<M>) =>
    (row.steps === 'any' || row.steps.includes(step)) &&
    (row.codes === 'any' ||
      (row.codes instanceof RegExp ? row.codes.test(name) : row.codes.includes(name)));
  return rows.find(fits)?.meaning;
}

/** What an error's message is made of. */
type Failure = Pick<
  NativeOutcome,
  'step' | 'code' | 'message' | 'service' | 'keytab' | 'realms' | 'kdcs'
>;

// The beginning of each error's message: what the reader must look at.
const SUBJECTS: { [code in KpassErrorCode]?: (failure: Failure) => string } = {
  ERR_KPASS_CONFIG: ({ service, keytab }) =>
    ['Kerberos configuration', service && `service ${service}`, keytab && `keytab ${keytab}`]
      .filter(Boolean)
      .join(', '),
  ERR_KPASS_KDC: kdcOf,
  ERR_KPASS_KEYTAB: ({ keytab, service }) => `keytab ${keytab}, key of ${service}`,
  ERR_KPASS_UNVERIFIED: ({ keytab, service, realms }) =>
    `the key in keytab ${keytab} does not decrypt the ticket for ${service}: ` +
    `either the KDC has another key, or an impostor answers for the KDC of ${realms.join(' or ')}`,
};

/** The KDC of a failure, for a message. */
export function kdcOf({ realms, kdcs, service }: Omit<NativeAsked, 'trace' | 'proofLeft'>): string {
  const named = `krb5.conf names ${kdcs.join(', ') || 'none'}`;
  return `KDC of realm ${realms.join(' or ')} (${named}), asked for service ${service}`;
}

/** The error for an outcome whose meaning is `code`. */
export function errorFrom(
  outcome: Failure,
  code: Exclude<KpassErrorCode, 'ERR_KPASS_ACCOUNT'>,
): KpassError {
  const subject = SUBJECTS[code]?.(outcome) ?? 'internal error';
  const words = outcome.message || krb5Name(outcome.code) || `code ${outcome.code}`;
  const message = `${subject}: ${words} (${outcome.step})`;
  return new KpassError(code, printable(message), {
    step: outcome.step,
    ...(outcome.code !== 0 && { krb5Code: outcome.code }),
  });
}

/** The error for a verification without a verdict at its deadline. */
export function deadlinePassed(
  { service, host }: Settings,
  timeout: number,
  asked: NativeAsked,
): KpassError {
  const waitedFor =
    asked.realms.length === 0
      ? `the verification for service ${service}/${host ?? "this machine's name"} was still waiting ` +
        'for a thread, or libkrb5 was still reading krb5.conf, the keytab or DNS'
      : `no answer from the ${kdcOf(asked)}`;
  return new KpassError('ERR_KPASS_TIMEOUT', printable(`after ${timeout} ms: ${waitedFor}`), {
    step: 'deadline',
  });
}

/** The error for a token that is neither accepted nor refused at its deadline. */
export function acceptDeadlinePassed({ service }: Settings, timeout: number): KpassError {
  const message =
    `after ${timeout} ms: the token for service ${service} was still waiting for a thread, or libkrb5 ` +
    'was still reading krb5.conf or the keytab';
  return new KpassError('ERR_KPASS_TIMEOUT', message, { step: 'deadline' });
}

/** Replaces control characters. A KDC may have sent the text, and it must not start a line of a log. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}
