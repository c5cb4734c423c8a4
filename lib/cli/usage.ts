// What the commands' options have in common: how they are read, and what is
// wrong usage.

import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { VerifierOptions } from '../verifier.js';

/** A mistake in the command's line: exit code 2, with a hint where the help is. */
export class UsageError extends Error {}

/** Ours, parseArgs's, or the one that kpass throws for options that can never work. */
export function isUsageError(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  const { code = '' } = error as { code?: string };
  return /^ERR_(PARSE_ARGS|INVALID_ARG)_/.test(code);
}

export const COMMON = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
} as const;

/** What says for which service, and how, users are verified. */
export const SERVICE = {
  service: { type: 'string', short: 's' },
  host: { type: 'string', short: 'H' },
  keytab: { type: 'string', short: 'k' },
  realm: { type: 'string', short: 'r', multiple: true },
  config: { type: 'string', short: 'c', multiple: true },
  timeout: { type: 'string', short: 't' },
  canonicalize: { type: 'boolean' },
  'password-stdin': { type: 'boolean' },
} as const;

export const SERVICE_HELP = `  -s, --service NAME   the service's first name (default: HTTP)
  -H, --host NAME      its host, taken as written (default: this machine's name)
  -k, --keytab PATH    where its key is (default: libkrb5's, /etc/krb5.keytab)
  -r, --realm REALM    a realm whose users may log in; may be given again
                       (default: the service's own)
  -c, --config PATH    krb5.conf instead of KRB5_CONFIG's or the system's; may be
                       given again
  -t, --timeout MS     the longest that a login may take (default: 10000)
      --canonicalize   ask the KDC for the account's own name: with Active Directory
      --password-stdin read the password from stdin, less one newline at its end
      --json           for machines
  -h, --help           this
`;

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>
>;

/** The values of the options, and the other words. Strict: what is unknown is wrong usage. */
export function parse<const T extends Options>(args: string[], options: T): Parsed<T> {
  return parseArgs({ args, options, allowPositionals: true, strict: true });
}

interface ServiceValues {
  service?: string | undefined;
  host?: string | undefined;
  keytab?: string | undefined;
  realm?: string[] | undefined;
  config?: string[] | undefined;
  timeout?: string | undefined;
  canonicalize?: boolean | undefined;
}

/** A verifier's options as the command's line gives them. */
export function verifierOptions(values: ServiceValues): VerifierOptions {
  return {
    service: values.service ?? 'HTTP',
    host: values.host,
    keytab: values.keytab,
    realms: values.realm,
    config: values.config,
    timeout: milliseconds(values.timeout),
    canonicalize: values.canonicalize,
    threads: 1,
  };
}

function milliseconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new UsageError(`--timeout wants milliseconds, not ${text}`);
  return Number(text);
}

/** The one word that there may be beside the options. More are not shown: one may be a password. */
export function onlyUser(words: string[]): string | undefined {
  if (words.length <= 1) return words[0];
  throw new UsageError('one user at a time; the password is no word of the command');
}

/** As a verifier's options, or as its settings. */
type Asked = Pick<VerifierOptions, 'service' | 'host' | 'keytab' | 'realms' | 'canonicalize'> & {
  config?: VerifierOptions['config'] | null;
};

/** A line for a shell that asks doctor about the same service, with more words at its end. */
export function doctorLine(options: Asked, ...more: string[]): string {
  const { service, host, keytab, realms = [], config, canonicalize } = options;
  const words = [
    ...(service === 'HTTP' ? [] : ['-s', service]),
    ...(host ? ['-H', host] : []),
    ...(keytab ? ['-k', keytab] : []),
    ...realms.flatMap((realm) => ['-r', realm]),
    ...[config ?? []].flat().flatMap((path) => ['-c', path]),
    ...(canonicalize ? ['--canonicalize'] : []),
  ];
  return ['kpass', 'doctor', ...words, ...more].map(shellWord).join(' ');
}

/** One word of a shell's line: quoted where it has to be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
