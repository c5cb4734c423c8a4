// The keytab's key: whether the KDC has the same key, of the same version.

import { krb5Name } from '../../krb5-codes.js';
import type { Settings } from '../../settings.js';
import { doctorLine } from '../usage.js';
import { asRequest } from './as-exchange.js';
import { broken, type Diagnosis, type LookResult, ok, warning } from './chain.js';
import { mayHaveAccounts, replyTo } from './kdc-kind.js';
import { type KdcFacts, overTcp } from './kdcs.js';
import type { ServiceKeys } from './keytab.js';
import { ifLate, type Krb5, type LoginReport } from './krb5.js';
import { addService, hasKadmin, kadmin, remakeKeytab, unlock } from './remedies.js';
import type { Naming } from './surroundings.js';

/** All that is known when the key is tried. */
export interface Known {
  krb5: Krb5;
  settings: Settings;
  naming: Naming;
  keytab: ServiceKeys;
  kdcs: KdcFacts;
  /** A user's login comes later. It decides if the service may not log in itself. */
  userFollows: boolean;
}

/** Logs the service in with the key. */
export async function lookAtKey(known: Known): Promise<LookResult<true>> {
  const { naming } = known;
  const login = await logIn(known, naming.service);
  const diagnosis = (await shutByTypes(login, known)) ?? (await judge(login, known));
  return {
    diagnoses: { ...diagnosis, trace: login.trace.map((line) => line.trimEnd()) },
    facts: diagnosis.status === 'broken' ? null : true,
  };
}

function logIn({ krb5, settings, naming }: Known, client: string): Promise<LoginReport> {
  const slow = broken(
    `the login with the key had no answer in ${settings.timeout} ms`,
    'Are the KDCs overloaded? Try again with more time:',
    doctorLine(settings, '--timeout', String(3 * settings.timeout)),
  );
  return krb5.ask('keytabLogin', naming.service, client).catch(ifLate(slow));
}

const TYPES = ['permitted_enctypes', 'default_tkt_enctypes', 'default_tgs_enctypes'];
const NO_COMMON_TYPE = [
  'KRB5KDC_ERR_ETYPE_NOSUPP',
  'KRB5_CONFIG_ETYPE_NOSUPP',
  'KRB5_NOPERM_ETYPE',
];

/** A limit on encryption types in krb5.conf: a new keytab would not help then. Null for no limit. */
async function shutByTypes(
  { code }: LoginReport,
  { krb5, keytab }: Known,
): Promise<Diagnosis | null> {
  if (!NO_COMMON_TYPE.includes(krb5Name(code) ?? '')) return null;
  const lines: string[] = [];
  for (const name of TYPES) {
    const values = await krb5.ask('configValues', 'libdefaults', name);
    if (values.length > 0) lines.push(`${name} = ${values.join(' ')}`);
  }
  if (lines.length === 0) return null;
  return broken(
    `no encryption type in common: krb5.conf says ${lines.join(', ')}, ` +
      `and the keytab has keys of ${typesOf(keytab)}`,
    'libkrb5 chooses well by itself. Remove from [libdefaults] in krb5.conf:',
    ...lines,
  );
}

async function judge(login: LoginReport, known: Known): Promise<Diagnosis> {
  const { settings, naming, keytab, kdcs } = known;
  if (login.step === '') return opened(login, naming);
  if (login.step === 'krb5_verify_init_creds') return notOpened(login, known);
  switch (krb5Name(login.code)) {
    case 'KRB5KRB_AP_ERR_BAD_INTEGRITY':
    case 'KRB5KDC_ERR_PREAUTH_FAILED':
      return notTheKey(known, await versionAtKdc(known));
    case 'KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN':
    case 'KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN':
      return mayHaveAccounts(kdcs.kind) ? await ofAnAccount(known) : await unknownService(known);
    case 'KRB5KDC_ERR_CLIENT_REVOKED':
      return (await isLockedOut(known)) ? onlyUsersCanTell(login, known) : locked(login, known);
    case 'KRB5KDC_ERR_NAME_EXP':
    case 'KRB5KDC_ERR_SERVICE_EXP':
      return locked(login, known);
    // The service's own password or key is too old for a login of its own. Its tickets are as good as ever.
    case 'KRB5KDC_ERR_KEY_EXP':
      return onlyUsersCanTell(login, known);
    case 'KRB5KDC_ERR_MUST_USE_USER2USER':
      return broken(
        `the KDC issues no tickets for ${naming.service} (-allow_svr)`,
        kadmin(kdcs.kind, `modprinc +allow_svr ${naming.service}`),
      );
    case 'KRB5KDC_ERR_ETYPE_NOSUPP':
      return broken(
        `the KDC's keys of ${naming.service} have none of the keytab's encryption types: ${typesOf(keytab)}`,
        ...anew(known),
      );
    case 'KRB5_KT_NOTFOUND':
      return broken(
        `the keytab has keys of ${naming.service}, but of no encryption type that libkrb5 can use: ` +
          typesOf(keytab),
        ...anew(known),
      );
    default:
      return broken(
        `the login with the key failed: ${login.message}`,
        "To see libkrb5's own trace, run:",
        doctorLine(settings, '--verbose'),
      );
  }
}

function opened({ version }: LoginReport, { service }: Naming): Diagnosis {
  const which = version === 0 ? '' : `; the KDC's current key is version ${version}`;
  return ok(`logged in as ${service}, and opened the ticket${which}`);
}

/** The key logs in, but the keytab lacks the version or the type that the ticket names. */
function notOpened(login: LoginReport, known: Known): Diagnosis {
  const { keytab } = known;
  const { version, enctype } = login;
  const same = keytab.keys.filter((key) => key.version === version);
  if (version !== 0 && same.length === 0) {
    return broken(
      `the key is the KDC's, but with version ${version} there, and version ${versionsOf(keytab)} in the keytab`,
      ...anew(known),
    );
  }
  if (version !== 0 && !same.some((key) => key.enctype === enctype)) {
    return broken(
      `the KDC makes tickets with an ${enctype} key, but the keytab has only ${typesOf(keytab)}`,
      ...anew(known),
    );
  }
  return broken(`the keytab's key does not open the ticket: ${login.message}`, ...anew(known));
}

function notTheKey(known: Known, current: number | undefined): Diagnosis {
  const { keytab } = known;
  const mine = versionsOf(keytab);
  if (current === undefined) {
    return broken(
      `the keytab's key (version ${mine}) is not the KDC's key: it is an old version or another key, ` +
        'or an impostor answers for the KDC',
      ...anew(known),
    );
  }
  if (!keytab.keys.some(({ version }) => version === current)) {
    return broken(
      `old key version: the KDC's current key is version ${current}, but the keytab has version ${mine}`,
      ...anew(known),
    );
  }
  return broken(
    `wrong key: the keytab's version ${current} and the KDC's version ${current} differ. The keytab ` +
      'is from another realm or database, or an impostor answers for the KDC',
    ...anew(known),
  );
}

async function unknownService(known: Known): Promise<Diagnosis> {
  const { naming, keytab, kdcs, userFollows } = known;
  const { service, realm } = naming;
  const ofRealm = await servesRealm(known);
  const unknown = `the KDC knows no account ${service} that may log in`;
  const detail = ofRealm ? unknown : `${unknown}, and no krbtgt/${realm}: is it a KDC of ${realm}?`;
  if (userFollows) return warning(`${detail}; the user's login below decides`);
  const otherRealm = `Check krb5.conf: is ${realm} the right realm? Is its kdc in [realms] right?`;
  return broken(
    detail,
    ...(ofRealm ? [] : [otherRealm, 'If both are right, add the service:']),
    ...addService(kdcs.kind, service, keytab.path),
  );
}

const WRONG_KEY = ['KRB5KRB_AP_ERR_BAD_INTEGRITY', 'KRB5KDC_ERR_PREAUTH_FAILED'];

/** The most logins with other names in the keytab. */
const MOST_ACCOUNTS = 3;

/**
 * In a directory, a service's name belongs to an account, and only the account's own name can log in. It
 * may be in the keytab too.
 */
async function ofAnAccount(known: Known): Promise<Diagnosis> {
  const { naming, keytab, kdcs, settings, userFollows } = known;
  const accounts = keytab.others
    .filter((name) => !name.includes('/') && name.endsWith(`@${naming.realm}`))
    .slice(0, MOST_ACCOUNTS);
  const wrong: string[] = [];
  for (const account of accounts) {
    const login = await logIn(known, account);
    if (login.step === '') {
      return ok(`logged in as ${account}, and opened the ticket of ${naming.service}`);
    }
    if (login.step === 'krb5_verify_init_creds') return notOpened(login, known);
    const code = krb5Name(login.code) ?? '';
    if (code === 'KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN') {
      return broken(
        `${account} can log in, but no account has the name ${naming.service}`,
        ...addService(kdcs.kind, naming.service, keytab.path),
      );
    }
    if (WRONG_KEY.includes(code)) wrong.push(account);
  }
  if (wrong.length > 0) {
    return warning(
      `the keytab's key of ${wrong.join(', ')} is not the KDC's key. If ${naming.service} is a name of ` +
        'this account, the keytab is old',
      ...anew(known),
      ...(userFollows
        ? []
        : ["If not, only a user's login can tell:", doctorLine(settings, 'USER')]),
    );
  }
  const who = kdcs.kind ?? 'the KDC knows no such account; Active Directory or Samba';
  const detail =
    `${who} lets only accounts log in, and ${naming.service} is at best a name of one: ` +
    "only a user's login can tell whether the key is right";
  return userFollows
    ? ok(`not tried: ${detail}`)
    : warning(detail, 'To test the key, run:', doctorLine(settings, 'USER'));
}

/** The service may not log in itself, but users may get tickets for it. */
function onlyUsersCanTell(
  { message }: LoginReport,
  { naming, settings, userFollows }: Known,
): Diagnosis {
  const detail = `the KDC lets ${naming.service} not log in itself (${message}), but may let users`;
  return userFollows
    ? warning(`${detail}; the user's login below decides`)
    : warning(detail, 'To test the key, run:', doctorLine(settings, 'USER'));
}

function locked(
  { message }: LoginReport,
  { naming: { service }, kdcs: { kind } }: Known,
): Diagnosis {
  const mit = [
    kadmin(kind, `getprinc ${service}`),
    kadmin(kind, `modprinc -expire never +allow_tix ${service}`),
  ];
  return broken(
    `the KDC says that ${service} is locked or expired: ${message}`,
    ...(hasKadmin(kind) ? mit : unlock(kind, service)),
  );
}

/** The commands for a keytab with the KDC's current key. */
const anew = ({ naming, keytab, kdcs }: Known) =>
  remakeKeytab(kdcs.kind, naming.service, keytab.path);

const versionsOf = ({ keys }: ServiceKeys) =>
  [...new Set(keys.map(({ version }) => version))].sort((a, b) => a - b).join(' and ');
const typesOf = ({ keys }: ServiceKeys) =>
  [...new Set(keys.map(({ enctype }) => enctype))].join(', ');

/**
 * The version of the service's key at the KDC: tickets carry it unencrypted. Undefined if the KDC
 * issues no ticket without a proof of the key, because it requires pre-authentication.
 */
async function versionAtKdc({
  naming: { service, realm },
  kdcs,
}: Known): Promise<number | undefined> {
  const name = service.slice(0, service.lastIndexOf('@'));
  const reply = await replyTo(asRequest(realm, name, name), overTcp(kdcs.answering));
  return reply && 'ticketKey' in reply ? reply.ticketKey : undefined;
}

const CLIENT_UNKNOWN = 6;

/**
 * Whether the KDC serves this realm, as far as it tells. An MIT KDC with one realm answers requests for
 * other realms too: it says that the client is unknown. But a realm's own KDC knows krbtgt.
 */
async function servesRealm({ naming: { realm }, kdcs }: Known): Promise<boolean> {
  const name = `krbtgt/${realm}`;
  const reply = await replyTo(asRequest(realm, name, name), overTcp(kdcs.answering));
  return !(reply && 'error' in reply && reply.error === CLIENT_UNKNOWN);
}

/**
 * Whether the service has had too many wrong keys. MIT's KDC then refuses its logins alone, and says
 * LOCKED_OUT. To a service that the administrator has locked it says CLIENT LOCKED OUT, and refuses its
 * tickets as well.
 */
async function isLockedOut({ naming: { service, realm }, kdcs }: Known): Promise<boolean> {
  const name = service.slice(0, service.lastIndexOf('@'));
  const reply = await replyTo(asRequest(realm, name, name), overTcp(kdcs.answering));
  return reply !== null && 'error' in reply && reply.text?.replace(/\0$/, '') === 'LOCKED_OUT';
}
