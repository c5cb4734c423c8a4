// Clients and a server of tickets that are not ours. All use MIT's GSS-API.

import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Realm } from 'kpass/testing';

export interface Initiation {
  /** The krb5.conf of the client; default the realm's. */
  config?: string;
  form?: 'spnego' | 'kerberos';
  mutual?: boolean;
  bindings?: Uint8Array;
  /** The client. npm's kerberos always asks for proof, and knows no bindings. Default python3-gssapi. */
  client?: keyof typeof CLIENTS;
}

/** By this path: another Python may come first in PATH, and have no gssapi. */
const PYTHON = '/usr/bin/python3';

/** The command of each. Both take the same arguments, and write the same lines: see initiator.py. */
const CLIENTS = {
  'python3-gssapi': [PYTHON, join(__dirname, 'initiator.py')],
  'npm kerberos': [process.execPath, join(__dirname, 'npm-initiator.cjs')],
} as const;

/**
 * Logs the user in, sends its token to `accept`, and resolves to what the client makes of the answer:
 * 'complete', 'incomplete' or 'refused: …'.
 */
export async function initiate(
  realm: Realm,
  user: string,
  accept: (token: Buffer) => Promise<Uint8Array | null>,
  {
    config = realm.config,
    form = 'spnego',
    mutual = true,
    bindings,
    client = 'python3-gssapi',
  }: Initiation = {},
): Promise<string> {
  const cache = await realm.ticket(user, { config });
  const args = ['HTTP@localhost', form, mutual ? 'mutual' : 'one-way'];
  if (bindings !== undefined) args.push(Buffer.from(bindings).toString('base64'));
  const [program, script] = CLIENTS[client];
  const child = spawn(program, [script, ...args], {
    env: { ...process.env, KRB5_CONFIG: config, KRB5CCNAME: `FILE:${cache}`, LC_ALL: 'C' },
  });
  const errors = text(child.stderr);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const nextLine = async () => {
    const { done, value } = await lines.next();
    if (done) throw new Error(`the initiator ended: ${await errors}`);
    return value;
  };
  try {
    const answer = await accept(Buffer.from(await nextLine(), 'base64'));
    child.stdin.end(`${Buffer.from(answer ?? []).toString('base64')}\n`);
    return await nextLine();
  } finally {
    child.kill();
  }
}

/** The client whose token a server accepts with the keytab. Rejects if the server refuses the token. */
export async function acceptByGss(
  realm: Realm,
  keytab: string,
  token: Uint8Array,
): Promise<string> {
  const env = { ...process.env, KRB5_CONFIG: realm.config, KRB5_KTNAME: keytab, LC_ALL: 'C' };
  const server = promisify(execFile)(PYTHON, [join(__dirname, 'gss-acceptor.py')], {
    env: { ...env, KRB5RCACHENAME: 'none:' },
  });
  server.child.stdin?.end(`${Buffer.from(token).toString('base64')}\n`);
  return (await server).stdout.trim();
}
