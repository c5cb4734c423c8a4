// The keytab's key: whether it is the one that the KDC has, and of which version.

import type { Settings } from '../../arguments.js';
import { krb5Name } from '../../krb5-codes.js';
import { doctorLine, shellWord } from '../usage.js';
import { type Answer, asRequest, readAnswer } from './as-exchange.js';
import { ask } from './ask.js';
import { broken, type Finding, ok, type Seen, warning } from './chain.js';
import type { Naming } from './configuration.js';
import type { Answering } from './kdcs.js';
import type { ServiceKeys } from './keytab.js';
import type { Krb5, LoginReport } from './krb5.js';

/** ms for a question that the same KDC has answered a moment ago. */
const PATIENCE = 3000;

/**
 * Logs in with it. `userFollows`: a user's login comes next, and shows what this one cannot where
 * the service may not log in itself.
 */
export async function lookAtKey(
  krb5: Krb5,
  settings: Settings,
  naming: Naming,
  keytab: ServiceKeys,
  answering: Answering[],
  userFollows: boolean,
): Promise<Seen<true>> {
  const login = krb5.keytabLogin(settings, naming.service);
  const finding =
    shutByTypes(login, krb5, settings, keytab) ??
    (await judge(login, settings, naming, keytab, answering, userFollows));
  return {
    findings: { ...finding, trace: login.trace.map((line) => line.trimEnd()) },
    facts: finding.status === 'broken' ? null : true,
  };
}

const TYPES = ['permitted_enctypes', 'default_tkt_enctypes', 'default_tgs_enctypes'];
const NO_COMMON_TYPE = [
  'KRB5KDC_ERR_ETYPE_NOSUPP',
  'KRB5_CONFIG_ETYPE_NOSUPP',
  'KRB5_NOPERM_ETYPE',
];

/** Where krb5.conf itself limits the types of encryption, a new keytab would be no help. */
function shutByTypes(
  { code }: LoginReport,
  krb5: Krb5,
  settings: Settings,
  keytab: ServiceKeys,
): Finding | null {
  if (!NO_COMMON_TYPE.includes(krb5Name(code) ?? '')) return null;
  const lines = TYPES.flatMap((name) => {
    const values = krb5.configValues(settings, 'libdefaults', name);
    return values.length === 0 ? [] : [`${name} = ${values.join(' ')}`];
  });
  if (lines.length === 0) return null;
  return broken(
    `no encryption type in common: krb5.conf says ${lines.join(', ')}, ` +
      `and the keytab has keys of ${typesOf(keytab)}`,
    'libkrb5 chooses well by itself. Take out of [libdefaults] in krb5.conf:',
    ...lines,
  );
}

async function judge(
  login: LoginReport,
  settings: Settings,
  naming: Naming,
  keytab: ServiceKeys,
  answering: Answering[],
  userFollows: boolean,
): Promise<Finding> {
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
        await isRealms(naming, answering),
        userFollows,
      );
    case 'KRB5KDC_ERR_CLIENT_REVOKED':
    case 'KRB5KDC_ERR_NAME_EXP':
    case 'KRB5KDC_ERR_SERVICE_EXP':
      return locked(login, naming);
    case 'KRB5KDC_ERR_MUST_USE_USER2USER':
      return broken(
        `the KDC gives a ticket for ${naming.service} to nobody (-allow_svr)`,
        `kadmin -q ${shellWord(`modprinc +allow_svr ${naming.service}`)}`,
      );
    case 'KRB5KDC_ERR_ETYPE_NOSUPP':
      return broken(
        `the KDC has no key of ${naming.service} of the keytab's types: ${typesOf(keytab)}`,
        ...anew(naming, keytab),
      );
    default:
      return broken(
        `the login with the key failed: ${login.message}`,
        "See libkrb5's own account of it:",
        doctorLine(settings, '--verbose'),
      );
  }
}

function opened({ version }: LoginReport, { service }: Naming): Finding {
  const which = version === 0 ? '' : `; the KDC's current one is version ${version}`;
  return ok(`logged in as ${service}, and opened its ticket${which}`);
}

/** The key logs in, but is not found under the number or the type that the ticket names. */
function notOpened(login: LoginReport, naming: Naming, keytab: ServiceKeys): Finding {
  const { version, enctype } = login;
  const same = keytab.keys.filter((key) => key.version === version);
  if (version !== 0 && same.length === 0) {
    return broken(
      `the key is the KDC's, but it is version ${version} there, and ${versionsOf(keytab)} in the keytab`,
      ...anew(naming, keytab),
    );
  }
  if (version !== 0 && !same.some((key) => key.enctype === enctype)) {
    return broken(
      `the KDC makes tickets with an ${enctype} key, and the keytab has ${typesOf(keytab)} only`,
      ...anew(naming, keytab),
    );
  }
  return broken(`the ticket does not open: ${login.message}`, ...anew(naming, keytab));
}

function notTheKey(naming: Naming, keytab: ServiceKeys, current: number | undefined): Finding {
  const mine = versionsOf(keytab);
  if (current === undefined) {
    return broken(
      `the keytab's key (version ${mine}) is not the KDC's: an old version, or another key, ` +
        'or an impostor answers for the KDC',
      ...anew(naming, keytab),
    );
  }
  if (!keytab.keys.some(({ version }) => version === current)) {
    return broken(
      `old key version: the KDC's current key is version ${current}, and the keytab has ${mine}`,
      ...anew(naming, keytab),
    );
  }
  return broken(
    `another key: the keytab's version ${current} is not the KDC's version ${current}: the keytab ` +
      'is of another realm or database, or an impostor answers for the KDC',
    ...anew(naming, keytab),
  );
}

function unknownService(
  settings: Settings,
  { service, realm }: Naming,
  keytab: ServiceKeys,
  ofRealm: boolean,
  userFollows: boolean,
): Finding {
  const nobody = `the KDC knows nobody of the name ${service} who may log in`;
  const detail = ofRealm ? nobody : `${nobody}, nor krbtgt/${realm}: is it a KDC of ${realm}?`;
  if (userFollows) return warning(`${detail}; the user's login below decides`);
  const otherRealm = `In krb5.conf, is ${realm} the right realm? And its kdc, in [realms]?`;
  return broken(
    detail,
    ...(ofRealm ? [] : [otherRealm, 'If they are:']),
    `kadmin -q ${shellWord(`addprinc -randkey ${service}`)}`,
    `kadmin -q ${shellWord(`ktadd -k ${keytab.path} ${service}`)}`,
    'Where the name is one of an account of another name (Active Directory, Samba), only a',
    "user's login can tell:",
    doctorLine(settings, 'USER'),
  );
}

function locked({ message }: LoginReport, { service }: Naming): Finding {
  return broken(
    `the KDC has ${service}, but locked or expired: ${message}`,
    `kadmin -q ${shellWord(`getprinc ${service}`)}`,
    `kadmin -q ${shellWord(`modprinc -expire never +allow_tix ${service}`)}`,
  );
}

/** A keytab with the KDC's present key. */
function anew({ service }: Naming, { path }: ServiceKeys): string[] {
  return [
    'Make the keytab anew, as an administrator of the realm (older ones stop working):',
    `kadmin -q ${shellWord(`ktremove -k ${path} ${service} all`)}`,
    `kadmin -q ${shellWord(`ktadd -k ${path} ${service}`)}`,
  ];
}

const versionsOf = ({ keys }: ServiceKeys) =>
  [...new Set(keys.map(({ version }) => version))].sort((a, b) => a - b).join(' and ');
const typesOf = ({ keys }: ServiceKeys) =>
  [...new Set(keys.map(({ enctype }) => enctype))].join(', ');

/**
 * The version of the service's key at the KDC, as it stands in the clear on a ticket. Undefined
 * where the KDC gives none without a proof of the key (it requires pre-authentication).
 */
async function versionAtKdc(
  { service, realm }: Naming,
  answering: Answering[],
): Promise<number | undefined> {
  const name = service.slice(0, service.lastIndexOf('@'));
  const answer = await answerTo(asRequest(realm, name, name), answering);
  return answer && 'ticketKey' in answer ? answer.ticketKey : undefined;
}

const CLIENT_UNKNOWN = 6;

/**
 * Whether the KDC is one of this realm, as far as it tells: MIT's with one realm answers for every
 * other one too, that it knows nobody of it; but a realm's own KDC knows krbtgt.
 */
async function isRealms({ realm }: Naming, answering: Answering[]): Promise<boolean> {
  const name = `krbtgt/${realm}`;
  const answer = await answerTo(asRequest(realm, name, name), answering);
  return !(answer && 'error' in answer && answer.error === CLIENT_UNKNOWN);
}

async function answerTo(request: Buffer, answering: Answering[]): Promise<Answer | null> {
  // A ticket may be too large for UDP.
  const kdc = answering.find(({ transport }) => transport === 'TCP') ?? answering[0];
  if (kdc === undefined) return null;
  const reply = await ask(kdc.transport, kdc, request, PATIENCE).catch(() => null);
  return reply && readAnswer(reply.bytes);
}
