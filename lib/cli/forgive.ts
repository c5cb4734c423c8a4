// kpass forgive: forgets the wrong passwords of a user in the throttle's store.

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { printable } from '../errors.js';
import { printJson } from './terminal.js';
import { COMMON, onlyUser, parse, UsageError } from './usage.js';

const USAGE = `usage: kpass forgive USER --auth FILE [options]

Forgets the wrong passwords of a user, whose next password then goes to the KDC. Only a
throttle with a store can be reached from here: the memory of a process cannot.

  -a, --auth FILE      a module of yours that exports \`auth\`, made by basicAuth() or
                       kerberosAuth() with your store and your secret
      --json           print JSON, for programs
  -h, --help           show this help

Exit codes: 0 forgiven, 2 the store does not answer, or the usage is wrong.
`;

const OPTIONS = { ...COMMON, auth: { type: 'string', short: 'a' } } as const;

interface Forgiving {
  forgive(user: string): Promise<void>;
}

export async function forgive(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const user = onlyUser(positionals);
  if (user === undefined) throw new UsageError('the user is missing');
  if (values.auth === undefined) throw new UsageError('--auth is missing');
  const auth = await authIn(values.auth);
  await auth.forgive(user);
  if (values.json) printJson({ forgiven: true });
  else process.stdout.write(`${printable(user)} is forgiven.\n`);
  return 0;
}

async function authIn(file: string): Promise<Forgiving> {
  const module = await import(pathToFileURL(resolve(file)).href);
  // A CommonJS module's exports may be in its default export alone.
  const auth = module.auth ?? module.default?.auth ?? module.default;
  if (typeof auth?.forgive !== 'function') throw new UsageError(`${file} exports no auth`);
  return auth;
}
