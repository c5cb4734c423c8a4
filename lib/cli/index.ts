#!/usr/bin/env node
// The command `kpass`. Each of its verbs is a file, loaded only when it runs: help and wrong usage need
// neither the addon nor libkrb5.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../errors.js';
import { PACKAGE } from '../package-folder.js';
import { commandWords } from './invocation.js';
import { isUsageError, UsageError } from './usage.js';

const USAGE = `usage: kpass <command> [options]

Checks user names and passwords against Kerberos.

  kpass check USER    checks a user's password
  kpass passwd USER   changes a user's password
  kpass doctor        checks each link from here to the KDC, and says what is broken
  kpass forgive USER  forgets a user's wrong passwords in the throttle's store
  kpass realm         starts a realm to try things with
  kpass build         compiles kpass where the package has no binary for the system

  -h, --help          show this help, or a command's: kpass check --help
  -V, --version       show the version

Exit codes: 2 for wrong usage; each command's help names its other codes.
`;

type Verb = (args: string[]) => Promise<number>;

const VERBS: Record<string, () => Promise<Verb>> = {
  check: async () => (await import('./check.js')).check,
  passwd: async () => (await import('./passwd.js')).passwd,
  doctor: async () => (await import('./doctor/index.js')).doctor,
  forgive: async () => (await import('./forgive.js')).forgive,
  build: async () => (await import('./build/index.js')).build,
  realm: async () => (await import('./realm.js')).realm,
};

async function run([verb, ...args]: string[]): Promise<number> {
  if (verb === '-h' || verb === '--help' || verb === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (verb === '-V' || verb === '--version') {
    const manifest = readFileSync(join(PACKAGE, 'package.json'), 'utf8');
    process.stdout.write(`${JSON.parse(manifest).version}\n`);
    return 0;
  }
  if (verb === undefined) throw new UsageError('a command is missing: see --help');
  if (!Object.hasOwn(VERBS, verb)) throw new UsageError(`there is no command ${verb}`);
  return (await VERBS[verb]?.())?.(args) ?? 2;
}

function complain(error: unknown, verb: string | undefined): void {
  const message = error instanceof Error ? error.message : String(error);
  // Some messages have several lines. Those of wrong usage quote the command line, and have one.
  const lines = isUsageError(error) ? [message] : message.split('\n');
  process.stderr.write(`kpass: ${lines.map(printable).join('\n')}\n`);
  if (!isUsageError(error)) return;
  const help = verb !== undefined && Object.hasOwn(VERBS, verb) ? `${verb} --help` : '--help';
  process.stderr.write(`Try: ${commandWords().join(' ')} ${help}\n`);
}

async function main(args: string[]): Promise<void> {
  // Node would also print the process id and the class of the warning.
  process.removeAllListeners('warning');
  process.on('warning', ({ message }) =>
    process.stderr.write(`kpass: warning: ${printable(message)}\n`),
  );
  // A reader such as head(1) may close the pipe early.
  process.stdout.on('error', () => {});
  try {
    // Not at the end of all work: an abandoned login may still wait for a KDC.
    process.exit(await run(args));
  } catch (error) {
    complain(error, args[0]);
    process.exit(2);
  }
}

void main(process.argv.slice(2));
