// The host's name forward and back. kpass takes it as written, so this breaks
// nothing; but who canonicalizes it, such as a browser with SPNEGO, asks for
// another service.

import { lookup, lookupService } from 'node:dns/promises';
import { shellWord } from '../usage.js';
import { ok, type Seen, warning } from './chain.js';
import type { Naming } from './configuration.js';

/** ms. A resolver that does not answer is asked for longer than anybody wants to wait. */
const PATIENCE = 5000;

export async function lookAtHost({ service }: Naming): Promise<Seen<true>> {
  const host = service.slice(service.indexOf('/') + 1, service.lastIndexOf('@'));
  const silence = AbortSignal.timeout(PATIENCE);
  const late = new Promise<null>((resolve) => {
    silence.addEventListener('abort', () => resolve(null));
  });
  const finding = await Promise.race([resolveBoth(host), late]);
  return {
    findings: finding ?? warning(`${host}: DNS does not answer`, `dig ${shellWord(host)}`),
    facts: true,
  };
}

async function resolveBoth(host: string) {
  const addresses = (await lookup(host, { all: true }).catch(() => [])).map(
    ({ address }) => address,
  );
  if (addresses.length === 0) {
    return warning(
      `${host} has no address; kpass needs none, but is it the name that users type?`,
      `getent hosts ${shellWord(host)}`,
    );
  }
  const names = await Promise.all(addresses.map(nameOf));
  const detail = `${host} is ${addresses.join(', ')}, which is ${[...new Set(names)].join(', ')}`;
  if (names.some((name) => name.toLowerCase() === host)) return ok(detail);
  return warning(
    `${detail}; kpass takes the name as written, but clients that go by DNS ask for another service`,
    `getent hosts ${addresses[0]}`,
  );
}

async function nameOf(address: string): Promise<string> {
  const answer = await lookupService(address, 0).catch(() => null);
  return answer?.hostname ?? 'without a name';
}
