// A real user's login: what all the other links are for.

import { KpassError } from '../../errors.js';
import type { Verdict } from '../../verdict.js';
import type { VerifierOptions } from '../../verifier.js';
import { DENIALS } from '../check.js';
import { shellWord } from '../usage.js';
import { broken, type Finding, ok, type Seen } from './chain.js';

const REMEDIES: Record<keyof typeof DENIALS, (user: string) => string[]> = {
  credentials: (user) => [
    "Is it the right password? As MIT's own client sees it:",
    `kinit ${shellWord(user)}`,
  ],
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
  user: string,
  password: Uint8Array,
): Promise<Seen<Login>> {
  const { Verifier } = await import('../../verifier.js');
  const trace: string[] = [];
  const verifier = new Verifier({ ...options, trace: (line) => trace.push(line) });
  try {
    const { finding, ticket } = await login(verifier.verify(user, password), user);
    // The trace comes in the tick after the verdict.
    await new Promise(setImmediate);
    return { findings: { ...finding, trace }, facts: ticket === null ? null : { ticket } };
  } finally {
    verifier.close();
  }
}

/** `ticket` is null where there was none. */
async function login(
  verification: Promise<Verdict>,
  user: string,
): Promise<{ finding: Finding; ticket: Finding | null }> {
  try {
    const verdict = await verification;
    if (verdict.verified) {
      const genuine = "it opens with the keytab's key: the KDC is genuine, the password is right";
      return { finding: gotTicket(verdict.principal), ticket: ok(genuine) };
    }
    const remedy = REMEDIES[verdict.reason](user);
    return { finding: broken(`${user}: ${DENIALS[verdict.reason]}`, ...remedy), ticket: null };
  } catch (error) {
    if (!(error instanceof KpassError)) throw error;
    const problem = broken(`${error.message} [${error.code}]`, ...AGAIN);
    const afterwards = error.step === 'krb5_verify_init_creds';
    return afterwards
      ? { finding: gotTicket(user), ticket: problem }
      : { finding: problem, ticket: null };
  }
}

const AGAIN = ["See libkrb5's own account of it:", 'kpass doctor --verbose'];

const gotTicket = (user: string) => ok(`${user}: the KDC takes the password, and gives a ticket`);

export function lookAtTicket({ ticket }: Login): Seen<true> {
  return { findings: ticket, facts: ticket.status === 'broken' ? null : true };
}
