// The options that the commands share, how they are parsed, and which errors are wrong usage.

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { printable } from '../errors.js';
import type { VerifierOptions } from '../verifier.js';
import { commandWords } from './invocation.js';

/** A mistake in the command line: the exit code is 2, and a hint names the help. */
export class UsageError extends Error {
  constructor(message: string) {
    super(printable(message)); // it may quote the command line
  }
}

/** Whether an error is a UsageError, parseArgs's own, or kpass's TypeError for invalid options. */
export function isUsageError(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  const { code = '' } = error as { code?: string };
  return /^ERR_(PARSE_ARGS|INVALID_ARG)_/.test(code);
}

export const COMMON = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
} as const;

/** The options that name the service, and how its users are verified. */
export const SERVICE = {
  service: { type: 'string', short: 's' },
  host: { type: 'string', short: 'H' },
  keytab: { type: 'string', short: 'k' },
  realm: { type: 'string', short: 'r', multiple: true },
  config: { type: 'string', short: 'c', multiple: true },
  timeout: { type: 'string', short: 't' },
  canonicalize: { type: 'boolean' },
  'upn-suffix': { type: 'string', multiple: true },
  domain: { type: 'string', multiple: true },
  'password-stdin': { type: 'boolean' },
} as const;

export const SERVICE_HELP = `  -s, --service NAME   the first part of the service's name (default: HTTP)
  -H, --host NAME      its host, used as written (default: this machine's name)
  -k, --keytab PATH    the keytab with its key (default: libkrb5's, /etc/krb5.keytab)
  -r, --realm REALM    a realm whose users may log in; may be given again
                       (default: the service's realm)
  -c, --config PATH    a krb5.conf to use instead of KRB5_CONFIG's or the system's;
                       may be given again
  -t, --timeout MS     the longest time for a login (default: 10000)
      --canonicalize   ask the KDC for the account's own name, as Active Directory
                       needs it
      --upn-suffix SUFFIX  take names like alice@SUFFIX for user principal names;
                       needs --canonicalize; may be given again
      --domain NAME=REALM  take NAME\\alice for alice@REALM; may be given again
      --password-stdin read the password from stdin, without one end of line
      --json           print JSON, for programs
  -h, --help           show this help
`;

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>
>;

/** The values of the options, and the other words. An unknown option is wrong usage. */
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
  'upn-suffix'?: string[] | undefined;
  domain?: string[] | undefined;
}

/** The options of a Verifier, from the command line. */
export function verifierOptions(values: ServiceValues): VerifierOptions {
  return {
    service: values.service ?? 'HTTP',
    host: values.host,
    keytab: values.keytab,
    realms: values.realm,
    config: values.config,
    timeout: milliseconds(values.timeout),
    canonicalize: values.canonicalize,
    upnSuffixes: upnSuffixes(values),
    domains: domains(values.domain),
    threads: 1,
  };
}

function upnSuffixes(values: ServiceValues): string[] | undefined {
  if (values['upn-suffix'] && !values.canonicalize) {
    throw new UsageError('--upn-suffix needs --canonicalize');
  }
  return values['upn-suffix'];
}

function domains(pairs: string[] = []): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, domain, realm] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
      if (!domain || !realm) throw new UsageError(`--domain needs NAME=REALM, not ${pair}`);
      return [domain, realm];
    }),
  );
}

function milliseconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new UsageError(`--timeout needs milliseconds, not ${text}`);
  return Number(text);
}

/** The user: the only word besides the options. Other words are not shown: one may be a password. */
export function onlyUser(words: string[]): string | undefined {
  if (words.length <= 1) return words[0];
  throw new UsageError('name only one user; never give the password as an argument');
}

/** The options of a Verifier, or its settings: these have null for no config, and a Map of domains. */
type OptionsOrSettings = Pick<
  VerifierOptions,
  'service' | 'host' | 'keytab' | 'realms' | 'canonicalize' | 'upnSuffixes'
> & {
  config?: VerifierOptions['config'] | null;
  domains?: VerifierOptions['domains'] | ReadonlyMap<string, string>;
};

/** A shell command that runs doctor for the same service. `more` are words for its end. */
export function doctorLine(options: OptionsOrSettings, ...more: string[]): string {
  const { service, host, keytab, realms = [], config, canonicalize } = options;
  const { upnSuffixes = [], domains = {} } = options;
  const pairs = domains instanceof Map ? [...domains] : Object.entries(domains);
  const words = [
    ...(service === 'HTTP' ? [] : ['-s', service]),
    ...(host ? ['-H', host] : []),
    ...(keytab ? ['-k', keytab] : []),
    ...realms.flatMap((realm) => ['-r', realm]),
    ...[config ?? []].flat().flatMap((path) => ['-c', path]),
    ...(canonicalize ? ['--canonicalize'] : []),
    ...upnSuffixes.flatMap((suffix) => ['--upn-suffix', suffix]),
    ...pairs.flatMap(([domain, realm]) => ['--domain', `${domain}=${realm}`]),
  ];
  return [...commandWords(), 'doctor', ...words, ...more].map(shellWord).join(' ');
}

/** One word of a shell command, quoted if necessary. Control characters are written as escapes. */
export function shellWord(text: string): string {
  if (/\p{Cc}/u.test(text)) {
    const escaped = text.replaceAll(/[\\']/g, '\\$&').replaceAll(/\p{Cc}/gu, octal);
    return `$'${escaped}'`;
  }
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The bytes of a character, as the shell writes them. */
const octal = (character: string) =>
  [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
