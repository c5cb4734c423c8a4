// A real user's login: what all the other links are for.

import { KpassError } from '../../errors.js';
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

export async function lookAtUser(
  options: VerifierOptions,
  user: string,
  password: Uint8Array,
): Promise<Seen<true>> {
  const { Verifier } = await import('../../verifier.js');
  const trace: string[] = [];
  const verifier = new Verifier({ ...options, trace: (line) => trace.push(line) });
  try {
    const finding = await login(verifier.verify(user, password), user);
    // The trace comes in the tick after the verdict.
    await new Promise(setImmediate);
    return { findings: { ...finding, trace }, facts: true };
  } finally {
    verifier.close();
  }
}

async function login(
  verification: ReturnType<import('../../verifier.js').Verifier['verify']>,
  user: string,
): Promise<Finding> {
  try {
    const verdict = await verification;
    if (verdict.verified) {
      return ok(
        `${verdict.principal}: the KDC gave a ticket for the password, the keytab opened it`,
      );
    }
    return broken(`${user}: ${DENIALS[verdict.reason]}`, ...REMEDIES[verdict.reason](user));
  } catch (error) {
    if (!(error instanceof KpassError)) throw error;
    return broken(`${user}: ${error.message} [${error.code}]`);
  }
}
