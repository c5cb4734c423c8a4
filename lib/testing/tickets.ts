// Tickets of a realm's users, got with MIT's own clients: kinit and kvno.

import { readFile } from 'node:fs/promises';
import { type Credentials, readCredentials } from './credential-cache.js';
import { findClientPrograms, run } from './programs.js';

/** How a user gets a ticket. None of the options is required. */
export interface TicketOptions {
  /** Path of the krb5.conf for the login, such as the one that `trust` writes; default: the realm's. */
  config?: string;
}

export interface Login {
  /** With its realm: 'alice@EXAMPLE.COM'. */
  user: string;
  /** Path of a keytab with the user's key. */
  keytab: string;
  config: string;
  /** Path for the new credential cache. */
  cache: string;
}

/** Logs the user in. Rejects with an Error that carries kinit's message when the KDC refuses. */
export async function logIn({ user, keytab, config, cache }: Login): Promise<void> {
  const args = ['-k', '-t', keytab, '-c', cache, '--', user];
  await run(findClientPrograms().kinit, args, { KRB5_CONFIG: config });
}

/** The user's ticket for the service, 'HTTP/localhost@EXAMPLE.COM'. Rejects as `logIn` does. */
export async function serviceTicket(login: Login, service: string): Promise<Credentials> {
  await logIn(login);
  const { config, cache } = login;
  await run(findClientPrograms().kvno, ['-c', cache, '--', service], { KRB5_CONFIG: config });
  const credentials = readCredentials(await readFile(cache)).at(-1);
  if (credentials === undefined) throw new Error(`no ticket for ${service}`);
  return credentials;
}

/** The principal with its realm, this one unless it names another. */
export function withRealm(principal: string, realm: string): string {
  return /(?<!\\)@/.test(principal) ? principal : `${principal}@${realm}`;
}
