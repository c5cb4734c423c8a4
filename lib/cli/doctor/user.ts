// A real user's login, which needs all the other links.

import { DENIALS, type DenialReason } from '../../denials.js';
import { KpassError } from '../../errors.js';
import { askedName, foldCase } from '../../names.js';
import type { Settings } from '../../settings.js';
import type { Verdict } from '../../verdict.js';
import type { VerifierOptions } from '../../verifier.js';
import { doctorLine, shellWord } from '../usage.js';
import { broken, type Diagnosis, type LookResult, ok } from './chain.js';
import type { Naming } from './configuration.js';

const REMEDIES: Record<DenialReason, (user: string, settings: Settings) => string[]> = {
  credentials: (user, settings) => {
    const { config } = settings;
    const from = config === null ? '' : `KRB5_CONFIG=${shellWord(config.join(':'))} `;
    return [
      "Is the password right? To ask MIT's own client, run:",
      `${from}kinit ${kinitWords(user, settings)}`,
    ];
  },
  expired: (user) => ['The user must set a new password:', `kpasswd ${shellWord(user)}`],
  disabled: (user) => [kadmin(`getprinc ${user}`), kadmin(`modprinc -unlock ${user}`)],
  policy: (user) => [kadmin(`getprinc ${user}`)],
};

const kadmin = (query: string) => `kadmin -q ${shellWord(query)}`;

/** The ticket's diagnosis. It is known after the login, but it is a link of its own. */
interface TicketFacts {
  ticket: Diagnosis;
}

export async function lookAtUser(
  options: VerifierOptions,
  settings: Settings,
  naming: Naming,
  user: string,
  password: Uint8Array,
): Promise<LookResult<TicketFacts>> {
  const foreign = foreignName(user, settings, naming);
  if (foreign !== null) return { diagnoses: foreign, facts: null };
  const { Verifier } = await import('../../verifier.js');
  const trace: string[] = [];
  const verifier = new Verifier({ ...options, trace: (line) => trace.push(line) });
  try {
    const { diagnosis, ticket } = await login(verifier.verify(user, password), user, settings);
    // The last trace lines arrive one tick after the verdict.
    await new Promise(setImmediate);
    return { diagnoses: { ...diagnosis, trace }, facts: ticket === null ? null : { ticket } };
  } finally {
    verifier.close();
  }
}

/** kinit's arguments for the name that kpass asks for. -E: it is an enterprise name. */
function kinitWords(user: string, settings: Settings): string {
  const name = askedName(user, settings) ?? user;
  const isUpn = settings.upnSuffixes.some((suffix) => name.endsWith(`@${suffix}`));
  return `${isUpn ? '-E ' : ''}${shellWord(name)}`;
}

/** kpass denies a name that it does not ask for like a wrong password. This tells the two apart. */
function foreignName(user: string, settings: Settings, naming: Naming): Diagnosis | null {
  return foreignDomain(user, settings, naming) ?? foreignRealm(user, settings, naming);
}

function foreignDomain(user: string, settings: Settings, { realm: own }: Naming): Diagnosis | null {
  const [, domain] = /^([^\\@]+)\\/.exec(user.trim()) ?? [];
  if (domain === undefined || settings.domains.has(foldCase(domain.trim()))) return null;
  const { realms } = settings;
  const realm = realms.includes(own) ? own : (realms[0] ?? own);
  const domains = new Map([...settings.domains, [domain, realm]]);
  return broken(
    `${user}: the option \`domains\` has no realm for ${domain}`,
    "To let users type it, name the domain's realm here and in the option `domains`:",
    doctorLine({ ...settings, domains }, user),
  );
}

function foreignRealm(user: string, settings: Settings, { realm: own }: Naming): Diagnosis | null {
  const [, realm] = /^[^@\\]+@([^@]+)$/.exec(user.trim()) ?? [];
  const realms = settings.realms.length === 0 ? [own] : settings.realms;
  const known = [...realms, ...settings.upnSuffixes].map(foldCase);
  if (realm === undefined || known.includes(foldCase(realm.trim()))) return null;
  // A realm is mostly in capitals, and the suffix of a user principal name is not.
  if (realm !== realm.toUpperCase()) {
    const upnSuffixes = [...settings.upnSuffixes, realm];
    return broken(
      `${user}: ${realm} is neither a realm whose users may log in nor one of \`upnSuffixes\``,
      'If it is the suffix of user principal names, name it here and in the option `upnSuffixes`:',
      doctorLine({ ...settings, canonicalize: true, upnSuffixes }, user),
    );
  }
  return broken(
    `${user}: users of ${realm} may not log in here; only users of ${realms.join(', ')} may`,
    'To let them log in, name their realm here and in the option `realms`:',
    doctorLine({ ...settings, realms: [...realms, realm] }, user),
  );
}

/** `ticket` is null if the login brought no ticket. */
async function login(
  verification: Promise<Verdict>,
  user: string,
  settings: Settings,
): Promise<{ diagnosis: Diagnosis; ticket: Diagnosis | null }> {
  try {
    const verdict = await verification;
    if (verdict.verified) {
      const genuine =
        "it opens with the keytab's key: the KDC is genuine, and the password is right";
      return { diagnosis: gotTicket(verdict.principal), ticket: ok(genuine) };
    }
    const remedy = REMEDIES[verdict.reason](user, settings);
    return { diagnosis: broken(`${user}: ${DENIALS[verdict.reason]}`, ...remedy), ticket: null };
  } catch (error) {
    if (!(error instanceof KpassError)) throw error;
    const again = ["To see libkrb5's own trace, run:", doctorLine(settings, user, '--verbose')];
    const problem = broken(`${error.message} [${error.code}]`, ...again);
    const afterwards = error.step === 'krb5_verify_init_creds';
    return afterwards
      ? { diagnosis: gotTicket(user), ticket: problem }
      : { diagnosis: problem, ticket: null };
  }
}

const gotTicket = (user: string) =>
  ok(`${user}: the KDC accepts the password, and issues a ticket`);

export function lookAtTicket({ ticket }: TicketFacts): LookResult<true> {
  return { diagnoses: ticket, facts: ticket.status === 'broken' ? null : true };
}
