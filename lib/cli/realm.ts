// kpass realm: a realm to try things with, which exists while the command runs.

import { printable } from '../errors.js';
import { Realm } from '../testing/index.js';
import { kdcs } from '../testing/kdc.js';
import { commandWords } from './invocation.js';
import { painter, printJson } from './terminal.js';
import { COMMON, parse, shellWord, UsageError } from './usage.js';

const USAGE = `usage: kpass realm [options]

Starts a realm to try things with: MIT's own KDC in a temporary folder, on loopback,
as any user. Prints the settings of a client, and runs until Ctrl-C. Then it removes
everything.

  -n, --name REALM      the realm's name (default: EXAMPLE.COM)
  -u, --user NAME:PASSWORD
                        a user; may be given again (default: alice:wonderland)
  -s, --service NAME/HOST
                        a service, with a keytab; may be given again
                        (default: HTTP/localhost)
  -p, --passwords       let users change their passwords: runs MIT's kadmind too
      --json            print one line of JSON, for programs
  -h, --help            show this help

Exit codes: 0 after a signal such as Ctrl-C, 2 the realm cannot start, its KDC has ended,
or the usage is wrong.
`;

const OPTIONS = {
  ...COMMON,
  name: { type: 'string', short: 'n' },
  user: { type: 'string', short: 'u', multiple: true },
  service: { type: 'string', short: 's', multiple: true },
  passwords: { type: 'boolean', short: 'p' },
} as const;

export async function realm(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`unexpected words: ${positionals.join(' ')}`);
  const options = {
    name: values.name ?? 'EXAMPLE.COM',
    users: Object.fromEntries((values.user ?? ['alice:wonderland']).map(userOf)),
    services: (values.service ?? ['HTTP/localhost']).map(serviceOf),
    passwords: values.passwords ?? false,
  };

  // Before the start: a Ctrl-C during the start must not leave half a realm.
  const ended = endSignal();
  await using running = await Realm.start(options);
  const shown = describe(running, options);
  if (values.json) printJson(shown);
  else process.stdout.write(textOf(shown));
  const died = kdcs.get(running.folder)?.died();
  return await Promise.race([ended.then(() => 0), ...(died ? [died.then(complain)] : [])]);
}

/** The KDC has ended by itself, or another process ended it. Returns the exit code. */
function complain(output: string): number {
  const last = output.split('\n').at(-1) ?? '';
  process.stderr.write(`kpass: the KDC has ended, and so has the realm: ${printable(last)}\n`);
  return 2;
}

/** Splits 'alice:wonderland' at the first colon, as Basic authentication does. */
function userOf(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1) {
    throw new UsageError(`--user needs a name, a colon and a password, not ${text}`);
  }
  return [text.slice(0, colon), text.slice(colon + 1)];
}

function serviceOf(text: string): string {
  if (!/^[^/@]+\/[^/@]+$/.test(text)) {
    throw new UsageError(`--service needs NAME/HOST, such as HTTP/localhost, not ${text}`);
  }
  return text;
}

/** Resolves at the first signal that asks the process to end. */
function endSignal(): Promise<void> {
  return new Promise((resolve) => {
    // A realm does not keep the process alive; this timer does.
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
  /** A shell command that logs the first user in. */
  check: string;
  /** A shell command that changes the first user's password, if users may change theirs. */
  passwd?: string;
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
    check: commandLine('check', running, keytabs, users),
    ...(running.passwordPort !== 0 && {
      passwd: commandLine('passwd', running, keytabs, users, 'another password'),
    }),
  };
}

/** `more` passwords follow the user's own on stdin. */
function commandLine(
  verb: string,
  { config }: Realm,
  keytabs: Record<string, string>,
  users: Readonly<Record<string, string>>,
  ...more: string[]
): string {
  const [[service = '', keytab = ''] = []] = Object.entries(keytabs);
  const [[user = '', password = ''] = []] = Object.entries(users);
  const [name = '', host = ''] = service.split('/');
  const options = ['-s', name, '-H', host, '-k', keytab, '-c', config, '--password-stdin'];
  const words = [...commandWords(), verb, ...options, '--', user];
  const format = more.length === 0 ? '%s' : "'%s\\n'";
  const input = [password, ...more].map(shellWord).join(' ');
  return `printf ${format} ${input} | ${words.map(shellWord).join(' ')}`;
}

function textOf(shown: Shown): string {
  const paint = painter(process.stdout);
  const rows = (values: Record<string, string>) =>
    Object.entries(values).map(
      ([name, value]) => `  ${printable(name)}  ${paint('dim', printable(value))}`,
    );
  return [
    `${paint('green', '✓')} realm ${paint('bold', shown.realm)}, with its KDC on 127.0.0.1:${shown.port}`,
    '',
    'users and passwords',
    ...rows(shown.users),
    'services and keytabs',
    ...rows(shown.keytabs),
    '',
    'variables for programs that use the realm',
    ...Object.entries(shown.env).map(([name, value]) => `  export ${name}=${shellWord(value)}`),
    '',
    'try',
    `  ${shown.check}`,
    ...(shown.passwd === undefined ? [] : [`  ${shown.passwd}`]),
    '',
    'Ctrl-C ends the realm, and leaves nothing behind.',
    '',
  ].join('\n');
}
