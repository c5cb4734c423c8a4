// kpass realm: a realm to play with, for as long as the command runs.

import { Realm } from '../testing/index.js';
import { painter } from './terminal.js';
import { COMMON, parse, shellWord, UsageError } from './usage.js';

const USAGE = `usage: kpass realm [options]

Starts a realm to play with: MIT's own KDC in a temporary folder, on loopback, as
any user. Prints what a client needs, and runs until Ctrl-C; then nothing is left.

  -n, --name REALM      its name (default: EXAMPLE.COM)
  -u, --user NAME:PASSWORD
                        a user; may be given again (default: alice:wonderland)
  -s, --service NAME/HOST
                        a service, with a keytab; may be given again
                        (default: HTTP/localhost)
      --json            for machines: one line
  -h, --help            this

Exit codes: 0 when it is told to end, 2 when it cannot start, or wrong usage.
`;

const OPTIONS = {
  ...COMMON,
  name: { type: 'string', short: 'n' },
  user: { type: 'string', short: 'u', multiple: true },
  service: { type: 'string', short: 's', multiple: true },
} as const;

export async function realm(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`what is ${positionals.join(' ')}?`);
  const options = {
    name: values.name ?? 'EXAMPLE.COM',
    users: Object.fromEntries((values.user ?? ['alice:wonderland']).map(userOf)),
    services: (values.service ?? ['HTTP/localhost']).map(serviceOf),
  };

  // From before the start: a Ctrl-C during it must not leave half a realm.
  const told = signalled();
  await using running = await Realm.start(options);
  const shown = describe(running, options);
  process.stdout.write(values.json ? `${JSON.stringify(shown)}\n` : textOf(shown));
  await told;
  return 0;
}

/** 'alice:wonderland': up to the first colon is the name, as with Basic authentication. */
function userOf(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1) {
    throw new UsageError(`--user wants a name, a colon and a password, not ${text}`);
  }
  return [text.slice(0, colon), text.slice(colon + 1)];
}

function serviceOf(text: string): string {
  if (!/^[^/@]+\/[^/@]+$/.test(text)) {
    throw new UsageError(`--service wants NAME/HOST, such as HTTP/localhost, not ${text}`);
  }
  return text;
}

/** Resolves at the first signal to end. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    // What keeps the process alive: a realm does not.
    const alive = setInterval(() => {}, 2 ** 30);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        clearInterval(alive);
        resolve();
      });
    }
  });
}

interface Shown {
  realm: string;
  port: number;
  config: string;
  users: Record<string, string>;
  keytabs: Record<string, string>;
  env: Record<string, string>;
  /** A line for a shell that logs the first user in. */
  check: string;
}

function describe(
  running: Realm,
  { users, services }: { users: Record<string, string>; services: string[] },
): Shown {
  const keytabs = Object.fromEntries(services.map((name) => [name, running.keytab(name)]));
  return {
    realm: running.name,
    port: running.port,
    config: running.config,
    users,
    keytabs,
    env: running.env,
    check: checkLine(running, keytabs, users),
  };
}

function checkLine(
  { config }: Realm,
  keytabs: Record<string, string>,
  users: Readonly<Record<string, string>>,
): string {
  const [[service = '', keytab = ''] = []] = Object.entries(keytabs);
  const [[user = '', password = ''] = []] = Object.entries(users);
  const [name = '', host = ''] = service.split('/');
  const options = ['-s', name, '-H', host, '-k', keytab, '-c', config, '--password-stdin'];
  const words = ['kpass', 'check', ...options, '--', user];
  return `printf %s ${shellWord(password)} | ${words.map(shellWord).join(' ')}`;
}

function textOf(shown: Shown): string {
  const paint = painter(process.stdout);
  const rows = (values: Record<string, string>) =>
    Object.entries(values).map(([name, value]) => `  ${name}  ${paint('dim', value)}`);
  return [
    `${paint('green', '✓')} realm ${paint('bold', shown.realm)}, its KDC on 127.0.0.1:${shown.port}`,
    '',
    'users and passwords',
    ...rows(shown.users),
    'services and keytabs',
    ...rows(shown.keytabs),
    '',
    'for programs that are to live in it',
    ...Object.entries(shown.env).map(([name, value]) => `  export ${name}=${shellWord(value)}`),
    '',
    'try',
    `  ${shown.check}`,
    '',
    'Ctrl-C ends it, and leaves nothing behind.',
    '',
  ].join('\n');
}
