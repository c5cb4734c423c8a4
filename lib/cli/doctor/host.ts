// Resolves the host's name to addresses, and these back to names. kpass uses the name as written, so a
// difference breaks nothing here. But a client that canonicalizes the name, such as a browser with
// SPNEGO, asks for another service.

import { shellWord } from '../usage.js';
import { type LookResult, ok, warning } from './chain.js';
import type { Krb5 } from './krb5.js';
import type { Naming } from './surroundings.js';

export async function lookAtHost(krb5: Krb5, { service }: Naming): Promise<LookResult<true>> {
  const host = service.slice(service.indexOf('/') + 1, service.lastIndexOf('@'));
  return { diagnoses: await resolveBoth(krb5, host), facts: true };
}

async function resolveBoth(krb5: Krb5, host: string) {
  const [addresses] = await krb5.ask('addressesOf', [host]);
  if (!addresses) return warning(`${host}: DNS does not answer`, `dig ${shellWord(host)}`);
  if (addresses.length === 0) {
    return warning(
      `${host} has no address; kpass needs none, but users may: is it the name that they type?`,
      `getent hosts ${shellWord(host)}`,
    );
  }
  const names = (await krb5.ask('namesOf', addresses)).map((name) => name ?? 'no name');
  const detail = `${host} leads to ${addresses.join(', ')}, and back to ${[...new Set(names)].join(', ')}`;
  if (names.some((name) => name.toLowerCase() === host)) return ok(detail);
  return warning(
    `${detail}; kpass uses the name as written, but clients that use DNS ask for another service`,
    `getent hosts ${addresses[0]}`,
  );
}
