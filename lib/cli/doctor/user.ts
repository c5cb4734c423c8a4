// A real user's login, which needs all the other links.

import { DENIALS, type DenialReason } from '../../denials.js';
import { KpassError } from '../../errors.js';
import type { Settings } from '../../settings.js';
import type { Verdict } from '../../verdict.js';
import type { VerifierOptions } from '../../verifier.js';
import { doctorLine, shellWord } from '../usage.js';
import { broken, type Diagnosis, type LookResult, ok } from './chain.js';
import type { KdcKind } from './kdc-kind.js';
import type { ServiceKeys } from './keytab.js';
import { addService, newPassword, remakeKeytab, show, unlock } from './remedies.js';
import type { Naming } from './surroundings.js';
import { explainName, kinitWords } from './user-name.js';

export interface User {
  name: string;
  password: Uint8Array;
}

/** All that is known when the user logs in. */
export interface LoginFacts {
  options: VerifierOptions;
  settings: Settings;
  naming: Naming;
  kind: KdcKind | null;
  /** Null if it is not known. */
  keytab: ServiceKeys | null;
}

/** The ticket's diagnosis. It is known after the login, but it is a link of its own. */
interface TicketFacts {
  ticket: Diagnosis;
}

export async function lookAtUser(facts: LoginFacts, user: User): Promise<LookResult<TicketFacts>> {
  const { Verifier } = await import('../../verifier.js');
  const trace: string[] = [];
  const verifier = new Verifier({ ...facts.options, trace: (line) => trace.push(line) });
  try {
    const { diagnosis, ticket } = await login(
      verifier.verify(user.name, user.password),
      user.name,
      facts,
    );
    // The last trace lines arrive one tick after the verdict.
    await new Promise(setImmediate);
    return { diagnoses: { ...diagnosis, trace }, facts: ticket === null ? null : { ticket } };
  } finally {
    verifier.close();
  }
}

/** `ticket` is null if the login brought no ticket. */
async function login(
  verification: Promise<Verdict>,
  user: string,
  facts: LoginFacts,
): Promise<{ diagnosis: Diagnosis; ticket: Diagnosis | null }> {
  try {
    const verdict = await verification;
    if (verdict.verified) {
      const genuine =
        "it opens with the keytab's key: the KDC is genuine, and the password is right";
      return { diagnosis: gotTicket(verdict.principal), ticket: ok(genuine) };
    }
    return { diagnosis: denied(verdict.reason, user, facts), ticket: null };
  } catch (error) {
    if (!(error instanceof KpassError)) throw error;
    const problem = broken(`${error.message} [${error.code}]`, ...remedyOf(error, user, facts));
    const afterwards = error.step === 'krb5_verify_init_creds';
    return afterwards
      ? { diagnosis: gotTicket(user), ticket: problem }
      : { diagnosis: problem, ticket: null };
  }
}

const gotTicket = (user: string) =>
  ok(`${user}: the KDC accepts the password, and issues a ticket`);

function denied(reason: DenialReason, user: string, facts: LoginFacts): Diagnosis {
  const { settings, naming, kind } = facts;
  // kpass denies a name that it cannot send like a wrong password. This tells the two apart.
  const name = reason === 'credentials' ? explainName(user, settings, naming) : null;
  if (name !== null) return name;
  return broken(`${user}: ${DENIALS[reason]}`, ...REMEDIES[reason](user, kind, settings));
}

const REMEDIES: Record<
  DenialReason,
  (user: string, kind: KdcKind | null, settings: Settings) => string[]
> = {
  credentials: (user, _, settings) => {
    const { config } = settings;
    const from = config === null ? '' : `KRB5_CONFIG=${shellWord(config.join(':'))} `;
    return [
      "Is the password right? To ask MIT's own client, run:",
      `${from}kinit ${kinitWords(user, settings)}`,
    ];
  },
  expired: (user, kind) => newPassword(kind, user),
  disabled: (user, kind) => unlock(kind, user),
  // Heimdal's KDC says so of a disabled account.
  policy: (user, kind) => (kind === 'Heimdal' ? unlock : show)(kind, user),
};

/** What the error asks of an administrator, and how to see more. */
function remedyOf(error: KpassError, user: string, facts: LoginFacts): string[] {
  const { settings, naming, kind, keytab } = facts;
  const more = ["To see libkrb5's own trace, run:", doctorLine(settings, user, '--verbose')];
  if (keytab === null) return more;
  const { service } = naming;
  if (error.code === 'ERR_KPASS_KEYTAB' || error.code === 'ERR_KPASS_UNVERIFIED') {
    return [...remakeKeytab(kind, service, keytab.path), ...more];
  }
  if (error.krb5Name === 'KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN') {
    return [
      `Has an account the name ${service}? If not:`,
      ...addService(kind, service, keytab.path),
      ...more,
    ];
  }
  return more;
}

export function lookAtTicket({ ticket }: TicketFacts): LookResult<true> {
  return { diagnoses: ticket, facts: ticket.status === 'broken' ? null : true };
}
