// The keytab's key: whether the KDC has the same key, of the same version.

import { krb5Name } from '../../krb5-codes.js';
import type { Settings } from '../../settings.js';
import { doctorLine, shellWord } from '../usage.js';
import { type AsReply, asRequest, readAsReply } from './as-exchange.js';
import { ask } from './ask.js';
import { broken, type Diagnosis, type LookResult, ok, warning } from './chain.js';
import type { Naming } from './configuration.js';
import type { AnsweringKdc } from './kdcs.js';
import type { ServiceKeys } from './keytab.js';
import { ifLate, type Krb5, type LoginReport } from './krb5.js';

/** ms for a reply from a KDC that has just answered. */
const PATIENCE = 3000;

/**
 * Logs the service in with the key. Some services may not log in themselves. `userFollows` says that a
 * user's login comes later, and decides in that case.
 */
export async function lookAtKey(
  krb5: Krb5,
  settings: Settings,
  naming: Naming,
  keytab: ServiceKeys,
  answering: AnsweringKdc[],
  userFollows: boolean,
): Promise<LookResult<true>> {
  const slow = broken(
    `the login with the key had no answer in ${settings.timeout} ms`,
    'Are the KDCs overloaded? Try again with more time:',
    doctorLine(settings, '--timeout', String(3 * settings.timeout)),
  );
  const login = await krb5.ask('keytabLogin', naming.service).catch(ifLate(slow));
  const diagnosis =
    (await shutByTypes(login, krb5, keytab)) ??
    (await judge(login, settings, naming, keytab, answering, userFollows));
  return {
    diagnoses: { ...diagnosis, trace: login.trace.map((line) => line.trimEnd()) },
    facts: diagnosis.status === 'broken' ? null : true,
  };
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
  krb5: Krb5,
  keytab: ServiceKeys,
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

async function judge(
  login: LoginReport,
  settings: Settings,
  naming: Naming,
  keytab: ServiceKeys,
  answering: AnsweringKdc[],
  userFollows: boolean,
): Promise<Diagnosis> {
  if (login.step === '') return opened(login, naming);
  if (login.step === 'krb5_verify_init_creds') return notOpened(login, naming, keytab);
  switch (krb5Name(login.code)) {
    case 'KRB5KRB_AP_ERR_BAD_INTEGRITY':
    case 'KRB5KDC_ERR_PREAUTH_FAILED':
      return notTheKey(naming, keytab, await versionAtKdc(naming, answering));
    case 'KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN':
    case 'KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN':
      return unknownService(
        settings,
        naming,
        keytab,
        await servesRealm(naming, answering),
        userFollows,
      );
    case 'KRB5KDC_ERR_CLIENT_REVOKED':
    case 'KRB5KDC_ERR_NAME_EXP':
    case 'KRB5KDC_ERR_SERVICE_EXP':
      return locked(login, naming);
    case 'KRB5KDC_ERR_MUST_USE_USER2USER':
      return broken(
        `the KDC issues no tickets for ${naming.service} (-allow_svr)`,
        `kadmin -q ${shellWord(`modprinc +allow_svr ${naming.service}`)}`,
      );
    case 'KRB5KDC_ERR_ETYPE_NOSUPP':
      return broken(
        `the KDC's keys of ${naming.service} have none of the keytab's encryption types: ${typesOf(keytab)}`,
        ...anew(naming, keytab),
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
function notOpened(login: LoginReport, naming: Naming, keytab: ServiceKeys): Diagnosis {
  const { version, enctype } = login;
  const same = keytab.keys.filter((key) => key.version === version);
  if (version !== 0 && same.length === 0) {
    return broken(
      `the key is the KDC's, but with version ${version} there, and version ${versionsOf(keytab)} in the keytab`,
      ...anew(naming, keytab),
    );
  }
  if (version !== 0 && !same.some((key) => key.enctype === enctype)) {
    return broken(
      `the KDC makes tickets with an ${enctype} key, but the keytab has only ${typesOf(keytab)}`,
      ...anew(naming, keytab),
    );
  }
  return broken(
    `the keytab's key does not open the ticket: ${login.message}`,
    ...anew(naming, keytab),
  );
}

function notTheKey(naming: Naming, keytab: ServiceKeys, current: number | undefined): Diagnosis {
  const mine = versionsOf(keytab);
  if (current === undefined) {
    return broken(
      `the keytab's key (version ${mine}) is not the KDC's key: it is an old version or another key, ` +
        'or an impostor answers for the KDC',
      ...anew(naming, keytab),
    );
  }
  if (!keytab.keys.some(({ version }) => version === current)) {
    return broken(
      `old key version: the KDC's current key is version ${current}, but the keytab has version ${mine}`,
      ...anew(naming, keytab),
    );
  }
  return broken(
    `wrong key: the keytab's version ${current} and the KDC's version ${current} differ. The keytab ` +
      'is from another realm or database, or an impostor answers for the KDC',
    ...anew(naming, keytab),
  );
}

function unknownService(
  settings: Settings,
  { service, realm }: Naming,
  keytab: ServiceKeys,
  ofRealm: boolean,
  userFollows: boolean,
): Diagnosis {
  const unknown = `the KDC knows no account ${service} that may log in`;
  const detail = ofRealm ? unknown : `${unknown}, and no krbtgt/${realm}: is it a KDC of ${realm}?`;
  if (userFollows) return warning(`${detail}; the user's login below decides`);
  const otherRealm = `Check krb5.conf: is ${realm} the right realm? Is its kdc in [realms] right?`;
  return broken(
    detail,
    ...(ofRealm ? [] : [otherRealm, 'If both are right, add the service:']),
    `kadmin -q ${shellWord(`addprinc -randkey ${service}`)}`,
    `kadmin -q ${shellWord(`ktadd -k ${keytab.path} ${service}`)}`,
    'With Active Directory or Samba, the service may belong to an account of another name.',
    "Then only a user's login can tell:",
    doctorLine(settings, 'USER'),
  );
}

function locked({ message }: LoginReport, { service }: Naming): Diagnosis {
  return broken(
    `the KDC says that ${service} is locked or expired: ${message}`,
    `kadmin -q ${shellWord(`getprinc ${service}`)}`,
    `kadmin -q ${shellWord(`modprinc -expire never +allow_tix ${service}`)}`,
  );
}

/** The commands for a keytab with the KDC's current key. */
function anew({ service }: Naming, { path }: ServiceKeys): string[] {
  return [
    'As an administrator of the realm, make a new keytab (older keytabs stop working):',
    `kadmin -q ${shellWord(`ktremove -k ${path} ${service} all`)}`,
    `kadmin -q ${shellWord(`ktadd -k ${path} ${service}`)}`,
  ];
}

const versionsOf = ({ keys }: ServiceKeys) =>
  [...new Set(keys.map(({ version }) => version))].sort((a, b) => a - b).join(' and ');
const typesOf = ({ keys }: ServiceKeys) =>
  [...new Set(keys.map(({ enctype }) => enctype))].join(', ');

/**
 * The version of the service's key at the KDC: tickets carry it unencrypted. Undefined if the KDC
 * issues no ticket without a proof of the key, because it requires pre-authentication.
 */
async function versionAtKdc(
  { service, realm }: Naming,
  answering: AnsweringKdc[],
): Promise<number | undefined> {
  const name = service.slice(0, service.lastIndexOf('@'));
  const reply = await replyTo(asRequest(realm, name, name), answering);
  return reply && 'ticketKey' in reply ? reply.ticketKey : undefined;
}

const CLIENT_UNKNOWN = 6;

/**
 * Whether the KDC serves this realm, as far as it tells. An MIT KDC with one realm answers requests for
 * other realms too: it says that the client is unknown. But a realm's own KDC knows krbtgt.
 */
async function servesRealm({ realm }: Naming, answering: AnsweringKdc[]): Promise<boolean> {
  const name = `krbtgt/${realm}`;
  const reply = await replyTo(asRequest(realm, name, name), answering);
  return !(reply && 'error' in reply && reply.error === CLIENT_UNKNOWN);
}

async function replyTo(request: Buffer, answering: AnsweringKdc[]): Promise<AsReply | null> {
  // A ticket may be too large for UDP.
  const kdc = answering.find(({ protocol }) => protocol === 'TCP') ?? answering[0];
  if (kdc === undefined) return null;
  const reply = await ask(kdc.protocol, kdc, request, PATIENCE).catch(() => null);
  return reply && readAsReply(reply.bytes);
}
