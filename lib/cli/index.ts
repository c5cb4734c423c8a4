#!/usr/bin/env node
// The command `kpass`. Each of its verbs is a file, loaded when it is called
// for: help and wrong usage need neither the addon nor libkrb5.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isUsageError, UsageError } from './usage.js';

const USAGE = `usage: kpass <command> [options]

Checks user names and passwords against Kerberos.

  kpass check USER    is this the user's password?
  kpass doctor        walks the chain from here to the KDC, and says what is broken
  kpass realm         starts a realm to play with

  -h, --help          this, or a command's own: kpass check --help
  -V, --version       the version

Exit codes: 2 for wrong usage; each command's help names its others.
`;

type Verb = (args: string[]) => Promise<number>;

const VERBS: Record<string, () => Promise<Verb>> = {
  check: async () => (await import('./check.js')).check,
  doctor: async () => (await import('./doctor/index.js')).doctor,
  realm: async () => (await import('./realm.js')).realm,
};

async function run([verb, ...args]: string[]): Promise<number> {
  if (verb === '-h' || verb === '--help' || verb === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (verb === '-V' || verb === '--version') {
    const manifest = readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8');
    process.stdout.write(`${JSON.parse(manifest).version}\n`);
    return 0;
  }
  if (verb === undefined) throw new UsageError('a command is missing: check, doctor or realm');
  if (!Object.hasOwn(VERBS, verb)) throw new UsageError(`there is no command ${verb}`);
  return (await VERBS[verb]?.())?.(args) ?? 2;
}

function complain(error: unknown, verb: string | undefined): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`kpass: ${message}\n`);
  if (!isUsageError(error)) return;
  const help = verb !== undefined && Object.hasOwn(VERBS, verb) ? `${verb} --help` : '--help';
  process.stderr.write(`Try: kpass ${help}\n`);
}

async function main(args: string[]): Promise<void> {
  // As a command words it, without Node's pid and class.
  process.removeAllListeners('warning');
  process.on('warning', ({ message }) => process.stderr.write(`kpass: warning: ${message}\n`));
  // Who reads the output may have had enough of it.
  process.stdout.on('error', () => {});
  try {
    // At once: a look-up in DNS that nobody waits for any more would hold the process.
    process.exit(await run(args));
  } catch (error) {
    complain(error, args[0]);
    process.exit(2);
  }
}

void main(process.argv.slice(2));
