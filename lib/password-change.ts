// Turns the native side's outcome of a change into the caller's result or error.

import type { NativeChange, NativeChangeAsked } from './binding.js';
import {
  errorFrom,
  KpassError,
  kdcOf,
  lookUp,
  type Meaning,
  meaningOf,
  printable,
  type Row,
} from './errors.js';
import { warnOfExposedKeytab } from './keytab-warning.js';
import { krb5Name } from './krb5-codes.js';
import type { Settings } from './settings.js';

/**
 * Why a password was not changed.
 *
 * - `credentials`: this name and old password do not log in, or an input can never be right
 * - `disabled`: the KDC says that the account is locked, revoked or expired
 * - `policy`: the realm does not let this user change the password, or not so
 * - `second-factor`: the account wants a token
 * - `rejected`: the realm's policy refuses the new password. The `message` says why
 */
export type PasswordChangeReason =
  | 'credentials'
  | 'disabled'
  | 'policy'
  | 'second-factor'
  | 'rejected';

/** What became of a change of a password. */
export type PasswordChange =
  | {
      changed: true;
      /** The account, as the ticket names it: 'alice@EXAMPLE.COM'. */
      principal: string;
      /** The account's realm: 'EXAMPLE.COM'. */
      realm: string;
    }
  | {
      changed: false;
      reason: PasswordChangeReason;
      /**
       * The password server's own words, in one printable line. Only from a reply that is proved to be
       * the server's. For the user; escape it for HTML.
       */
      message?: string;
    };

type ChangeMeaning = PasswordChangeReason | Exclude<Meaning, 'expired'>;

// The first row that fits decides. native/kerberos/password_change.h says what the steps are.
const CHANGES: readonly Row<ChangeMeaning>[] = [
  // The password may have changed. Anyone can forge an error, so an error says nothing.
  { steps: ['kpasswd'], codes: 'any', meaning: 'ERR_KPASS_TIMEOUT' },
  // The machine has run out of something. The step does not matter.
  { steps: 'any', codes: ['ENOMEM', 'EMFILE', 'ENFILE'], meaning: 'ERR_KPASS_INTERNAL' },
  { steps: ['rejected'], codes: 'any', meaning: 'rejected' },
  { steps: ['denied'], codes: 'any', meaning: 'policy' },
  { steps: ['kpasswd_server', 'kpasswd_result'], codes: 'any', meaning: 'ERR_KPASS_KDC' },
  // The realm gives no ticket to an expired password, not even for the password service.
  {
    steps: ['krb5_get_init_creds_password'],
    codes: ['KRB5KDC_ERR_KEY_EXP'],
    meaning: 'policy',
  },
];

/** The steps at which a password server has answered, or could have. */
const OF_CHANGE = ['rejected', 'denied', 'kpasswd', 'kpasswd_server', 'kpasswd_result'];

/** The reason of an outcome that is neither `verified` nor an error. Throws a KpassError for an error. */
export function changeOf(outcome: NativeChange): PasswordChange {
  if (outcome.keytabExposed) warnOfExposedKeytab(outcome.keytab);
  if (outcome.verified) {
    return { changed: true, principal: outcome.principal, realm: outcome.realm };
  }
  const { step, code, asked } = outcome;
  if (asked.sent && !OF_CHANGE.includes(step)) throw unverifiedChange(outcome);
  const meaning = lookUp(CHANGES, step, code) ?? (meaningOf(step, code) as ChangeMeaning);
  switch (meaning) {
    case 'credentials':
    case 'disabled':
    case 'policy':
    case 'second-factor':
    case 'rejected':
      return { changed: false, reason: meaning, ...wordsOf(outcome) };
    default:
      throw errorOf(outcome, meaning);
  }
}

/** The server's words, if the refusal is the password server's and has some. */
function wordsOf({ step, message }: NativeChange): { message?: string } {
  const words = oneLine(message);
  return (step === 'rejected' || step === 'denied') && words !== '' ? { message: words } : {};
}

/** Active Directory and MIT's kadmind send several lines. */
function oneLine(words: string): string {
  return printable(words.replace(/\s+/gu, ' ').trim());
}

const MAY_HAVE_CHANGED =
  'the password may have changed, and kpass does not try again: verify the old one and the new one';

function errorOf(outcome: NativeChange, code: Exclude<ChangeMeaning, PasswordChangeReason>) {
  const { step, code: krb5Code, message, asked } = outcome;
  if (!OF_CHANGE.includes(step)) return errorFrom(flat(outcome), code);
  const words = oneLine(message) || krb5Name(krb5Code) || 'no answer';
  const [subject, end] =
    step === 'kpasswd'
      ? [`no authentic answer from the ${serverOf(asked)}`, `: ${MAY_HAVE_CHANGED}`]
      : [serverOf(asked), ''];
  return new KpassError(code, printable(`${subject}: ${words} (${step})${end}`), {
    step,
    ...(krb5Code !== 0 && { krb5Code }),
  });
}

/** The password server says that the password has changed, but the new one could not be verified. */
function unverifiedChange(outcome: NativeChange): KpassError {
  const { step, code, message, asked } = outcome;
  const meaning = meaningOf(step, code);
  switch (meaning) {
    case 'ERR_KPASS_KDC':
    case 'ERR_KPASS_TIMEOUT':
      return new KpassError(
        'ERR_KPASS_TIMEOUT',
        printable(
          `the ${serverOf(asked)} says that the password has changed, but the new one was not ` +
            `verified: ${kdcOf(asked)}: ${message} (${step}): ${MAY_HAVE_CHANGED}`,
        ),
        { step: 'kpasswd', ...(code !== 0 && { krb5Code: code }) },
      );
    case 'credentials':
    case 'expired':
    case 'disabled':
    case 'policy':
    case 'second-factor':
      return new KpassError(
        'ERR_KPASS_UNVERIFIED',
        printable(
          `the ${serverOf(asked)} says that the password has changed, but the ${kdcOf(asked)} refuses a ` +
            `login with the new one: ${message || meaning} (${step}): either an impostor has answered, ` +
            'or this KDC does not know the new password yet, or it refuses the login for another reason',
        ),
        { step, ...(code !== 0 && { krb5Code: code }) },
      );
    default:
      return errorFrom({ ...flat(outcome), message: `${message}: ${MAY_HAVE_CHANGED}` }, meaning);
  }
}

function flat({ step, code, message, keytab, asked }: NativeChange) {
  return { ...asked, step, code, message, keytab };
}

function serverOf({ passwordServers, realms }: NativeChangeAsked): string {
  const servers = [...new Set(passwordServers)].join(', ') || 'none is known';
  return `password server of realm ${realms.join(' or ')} (${servers})`;
}

/** The error for a change that is not settled at its deadline. */
export function changeDeadlinePassed(
  { service, host }: Settings,
  timeout: number,
  asked: NativeChangeAsked,
): KpassError {
  const after = `after ${timeout} ms: `;
  const error = (words: string, step: string) =>
    new KpassError('ERR_KPASS_TIMEOUT', printable(after + words), { step });
  if (asked.sent) {
    return error(
      `no answer from the ${serverOf(asked)}, or none from the KDC: ${MAY_HAVE_CHANGED}`,
      'kpasswd',
    );
  }
  if (asked.passwordServers.length > 0) {
    return error(`no answer from the ${serverOf(asked)}. No new password was sent`, 'deadline');
  }
  if (asked.realms.length > 0) {
    return error(`no answer from the ${kdcOf(asked)}. No new password was sent`, 'deadline');
  }
  return error(
    `the change of the password for service ${service}/${host ?? "this machine's name"} was still ` +
      'waiting for a thread, or libkrb5 was still reading krb5.conf, the keytab or DNS',
    'deadline',
  );
}
