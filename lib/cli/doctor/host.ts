// Resolves the host's name to addresses, and these back to names. kpass uses the name as written, so a
// difference breaks nothing here. But a client that canonicalizes the name, such as a browser with
// SPNEGO, asks for another service.

import { lookup, lookupService } from 'node:dns/promises';
import { shellWord } from '../usage.js';
import { type LookResult, ok, warning } from './chain.js';
import type { Naming } from './configuration.js';

/** ms. Without an answer, the resolver itself would try for longer than an operator wants to wait. */
const PATIENCE = 5000;

export async function lookAtHost({ service }: Naming): Promise<LookResult<true>> {
  const host = service.slice(service.indexOf('/') + 1, service.lastIndexOf('@'));
  const silence = AbortSignal.timeout(PATIENCE);
  const late = new Promise<null>((resolve) => {
    silence.addEventListener('abort', () => resolve(null));
  });
  const diagnosis = await Promise.race([resolveBoth(host), late]);
  return {
    diagnoses: diagnosis ?? warning(`${host}: DNS does not answer`, `dig ${shellWord(host)}`),
    facts: true,
  };
}

async function resolveBoth(host: string) {
  const addresses = (await lookup(host, { all: true }).catch(() => [])).map(
    ({ address }) => address,
  );
  if (addresses.length === 0) {
    return warning(
      `${host} has no address; kpass needs none, but users may: is it the name that they type?`,
      `getent hosts ${shellWord(host)}`,
    );
  }
  const names = await Promise.all(addresses.map(nameOf));
  const detail = `${host} leads to ${addresses.join(', ')}, and back to ${[...new Set(names)].join(', ')}`;
  if (names.some((name) => name.toLowerCase() === host)) return ok(detail);
  return warning(
    `${detail}; kpass uses the name as written, but clients that use DNS ask for another service`,
    `getent hosts ${addresses[0]}`,
  );
}

async function nameOf(address: string): Promise<string> {
  const answer = await lookupService(address, 0).catch(() => null);
  return answer?.hostname ?? 'no name';
}
