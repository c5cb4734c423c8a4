// What doctor asks libkrb5 and the system's resolver: doctor guesses nothing that it can ask. An answer
// may wait for DNS, for a KDC or for a file, and hold a thread until it comes. So a process of its own
// asks (child.ts).

import { lookup, lookupService, resolveCname } from 'node:dns/promises';
import { isIP } from 'node:net';
import {
  binding,
  type ConfigReport,
  type KdcsReport,
  type KeytabReport,
  type LoginReport,
  type ServiceReport,
  type TokenReport,
} from '../../binding.js';
import { configFiles, nativeSettings } from '../../native-settings.js';
import type { Settings } from '../../settings.js';

export const questions = {
  /** The path of the loaded libkrb5; empty if the system does not tell it. */
  libraryFile: (_: Settings): string => binding.libraryFile(),

  configFiles: (settings: Settings): readonly string[] => configFiles(settings),

  /** Whether libkrb5 can read this one file: the step is empty if it can. */
  readConfigFile: (settings: Settings, file: string): ConfigReport =>
    binding.configValues(
      nativeSettings({ ...settings, config: [file] }),
      'libdefaults',
      'default_realm',
      null,
    ),

  /** The values of [section] name tag, or of [section] name; empty if there are none. */
  configValues: (
    settings: Settings,
    section: string,
    name: string,
    tag: string | null = null,
  ): string[] => binding.configValues(nativeSettings(settings), section, name, tag).values,

  /** The service's principal and realm, as a verification finds them. Asks no KDC; may ask DNS. */
  nameService: (settings: Settings): ServiceReport => binding.nameService(nativeSettings(settings)),

  /** The realm's KDCs. May ask DNS. */
  locateKdcs: (settings: Settings, realm: string): KdcsReport =>
    binding.locateKdcs(nativeSettings(settings), realm),

  keytabKeys: (settings: Settings): KeytabReport => binding.keytabKeys(nativeSettings(settings)),

  /** Logs the client in with the keytab, for a ticket for the service. */
  keytabLogin: (settings: Settings, service: string, client: string): LoginReport =>
    binding.keytabLogin(nativeSettings(settings), service, client),

  /** A token of Negotiate, of the caller's own ticket. May ask a KDC. */
  ticketToken: (settings: Settings): TokenReport => binding.ticketToken(nativeSettings(settings)),

  /** The addresses of each host; null if the resolver does not answer. */
  addressesOf: ({ timeout }: Settings, hosts: readonly string[]) =>
    Promise.all(
      hosts.map((host) =>
        soon(
          timeout,
          lookup(host, { all: true }).then((found) => found.map(({ address }) => address)),
          [],
        ),
      ),
    ),

  /** The name of each address; null if it has none. */
  namesOf: ({ timeout }: Settings, addresses: readonly string[]) =>
    Promise.all(
      addresses.map((address) =>
        soon(
          timeout,
          lookupService(address, 0).then(({ hostname }) => hostname),
          null,
        ),
      ),
    ),

  /** The names that the host's CNAME records lead to, the last one last; null if DNS does not answer. */
  aliasesOf: ({ timeout }: Settings, host: string) => soon(timeout, aliasesOf(host), null),
};

const MOST_ALIASES = 8;

async function aliasesOf(host: string): Promise<string[]> {
  const aliases: string[] = [];
  // A name without a dot, and an address, have no CNAME.
  if (!host.includes('.') || isIP(host) !== 0) return aliases;
  while (aliases.length < MOST_ALIASES) {
    const [next] = await resolveCname(aliases.at(-1) ?? host).catch(noneIfUnknown);
    if (next === undefined) break;
    aliases.push(next);
  }
  return aliases;
}

function noneIfUnknown(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOTFOUND' || error.code === 'ENODATA') return [];
  throw error;
}

/** ms. Without an answer, the resolver itself would try for longer than a person wants to wait. */
const PATIENCE = 3000;

/** The answer; `failed` if there is an error, and null if there is neither before half of the timeout. */
function soon<A, F>(timeout: number, answer: Promise<A>, failed: F): Promise<A | F | null> {
  const late = new Promise<null>((resolve) => {
    setTimeout(resolve, Math.min(PATIENCE, timeout / 2), null).unref();
  });
  return Promise.race([answer.catch(() => failed), late]);
}
