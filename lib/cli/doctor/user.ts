// A real user's login: what all the other links are for.

import { DENIALS, type DenialReason } from '../../denials.js';
import { KpassError } from '../../errors.js';
import type { Settings } from '../../settings.js';
import type { Verdict } from '../../verdict.js';
import type { VerifierOptions } from '../../verifier.js';
import { doctorLine, shellWord } from '../usage.js';
import { broken, type Finding, ok, type Seen } from './chain.js';
import type { Naming } from './configuration.js';

const REMEDIES: Record<DenialReason, (user: string, settings: Settings) => string[]> = {
  credentials: (user, { config }) => {
    const from = config === null ? '' : `KRB5_CONFIG=${shellWord(config.join(':'))} `;
    return [
      "Is it the right password? As MIT's own client sees it:",
      `${from}kinit ${shellWord(user)}`,
    ];
  },
  expired: (user) => ['The user sets a new one:', `kpasswd ${shellWord(user)}`],
  disabled: (user) => [kadmin(`getprinc ${user}`), kadmin(`modprinc -unlock ${user}`)],
  policy: (user) => [kadmin(`getprinc ${user}`)],
};

const kadmin = (query: string) => `kadmin -q ${shellWord(query)}`;

/** What came of the ticket: known with the login, and told after it. */
export interface Login {
  ticket: Finding;
}

export async function lookAtUser(
  options: VerifierOptions,
  settings: Settings,
  naming: Naming,
  user: string,
  password: Uint8Array,
): Promise<Seen<Login>> {
  const foreign = foreignRealm(user, settings, naming);
  if (foreign !== null) return { findings: foreign, facts: null };
  const { Verifier } = await import('../../verifier.js');
  const trace: string[] = [];
  const verifier = new Verifier({ ...options, trace: (line) => trace.push(line) });
  try {
    const { finding, ticket } = await login(verifier.verify(user, password), user, settings);
    // The trace comes in the tick after the verdict.
    await new Promise(setImmediate);
    return { findings: { ...finding, trace }, facts: ticket === null ? null : { ticket } };
  } finally {
    verifier.close();
  }
}

/** kpass refuses a realm that it was not told of as it refuses a wrong password. */
function foreignRealm(user: string, settings: Settings, { realm: own }: Naming): Finding | null {
  const [, realm] = /^[^@]+@([^@]+)$/.exec(user) ?? [];
  const realms = settings.realms.length === 0 ? [own] : settings.realms;
  if (realm === undefined || realms.includes(realm)) return null;
  return broken(
    `${user}: users of ${realm} may not log in here, but those of ${realms.join(', ')}`,
    'If they are to, name it, here and in the option `realms`:',
    doctorLine({ ...settings, realms: [...realms, realm] }, user),
  );
}

/** `ticket` is null where there was none. */
async function login(
  verification: Promise<Verdict>,
  user: string,
  settings: Settings,
): Promise<{ finding: Finding; ticket: Finding | null }> {
  try {
    const verdict = await verification;
    if (verdict.verified) {
      const genuine = "it opens with the keytab's key: the KDC is genuine, the password is right";
      return { finding: gotTicket(verdict.principal), ticket: ok(genuine) };
    }
    const remedy = REMEDIES[verdict.reason](user, settings);
    return { finding: broken(`${user}: ${DENIALS[verdict.reason]}`, ...remedy), ticket: null };
  } catch (error) {
    if (!(error instanceof KpassError)) throw error;
    const again = ["See libkrb5's own account of it:", doctorLine(settings, user, '--verbose')];
    const problem = broken(`${error.message} [${error.code}]`, ...again);
    const afterwards = error.step === 'krb5_verify_init_creds';
    return afterwards
      ? { finding: gotTicket(user), ticket: problem }
      : { finding: problem, ticket: null };
  }
}

const gotTicket = (user: string) => ok(`${user}: the KDC takes the password, and gives a ticket`);

export function lookAtTicket({ ticket }: Login): Seen<true> {
  return { findings: ticket, facts: ticket.status === 'broken' ? null : true };
}
