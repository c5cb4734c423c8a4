// kpass check: checks a user's password.

import { DENIALS } from '../denials.js';
import { type KpassError, printable } from '../errors.js';
import type { Verdict } from '../verdict.js';
import { printError } from './failure.js';
import { readPassword } from './password.js';
import { Progress, painter, printJson } from './terminal.js';
import {
  COMMON,
  onlyUser,
  parse,
  SERVICE,
  SERVICE_HELP,
  UsageError,
  verifierOptions,
} from './usage.js';

const USAGE = `usage: kpass check USER [options]
       kpass check --negotiate [options]

Checks a user's password against Kerberos, and proves with the keytab that the
KDC is genuine. Asks for the password at a prompt that does not show it. With
--negotiate it asks for no password: it logs in by your own ticket, which kinit
gets, as a browser does.

${SERVICE_HELP}  -n, --negotiate      log in by ticket

Exit codes: 0 the password is right, or the ticket is accepted, 1 the login is
denied, 2 there is no verdict, or the usage is wrong.
`;

const OPTIONS = { ...COMMON, ...SERVICE, negotiate: { type: 'boolean', short: 'n' } } as const;

export async function check(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const user = onlyUser(positionals);
  if (values.negotiate) {
    refuseForTickets(user, values);
    const { checkTicket } = await import('./check-ticket.js');
    return await checkTicket(verifierOptions(values), values.json ?? false);
  }
  if (user === undefined) throw new UsageError('the user is missing');

  const { Verifier } = await import('../verifier.js');
  const options = verifierOptions(values);
  const verifier = new Verifier(options);
  const password = await readPassword(user, values['password-stdin'] ?? false);
  const progress = new Progress(!values.json);
  progress.show('asking the KDC');
  try {
    const verdict = await verifier.verify(user, password).finally(() => progress.clear());
    if (values.json) printJson(verdict);
    else printVerdict(user, verdict);
    return verdict.verified ? 0 : 1;
  } catch (error) {
    printError(error as KpassError, options, values.json);
    return 2;
  } finally {
    password.fill(0);
    verifier.close();
  }
}

/** The ticket names the user, and a browser's user types nothing. */
const OF_PASSWORDS = ['password-stdin', 'canonicalize', 'upn-suffix', 'domain'] as const;

function refuseForTickets(user: string | undefined, values: { [option: string]: unknown }): void {
  if (user !== undefined) throw new UsageError('with --negotiate the ticket names the user');
  const given = OF_PASSWORDS.find((option) => values[option] !== undefined);
  if (given !== undefined) throw new UsageError(`--${given} has no meaning with --negotiate`);
}

function printVerdict(user: string, verdict: Verdict): void {
  const paint = painter(process.stdout);
  const line = verdict.verified
    ? `${paint('green', '✓')} ${printable(verdict.principal)}: the password is right, and the KDC is genuine`
    : `${paint('red', '✗')} ${printable(user)}: ${DENIALS[verdict.reason]}`;
  process.stdout.write(`${line}\n`);
}
