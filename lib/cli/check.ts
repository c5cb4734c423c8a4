// kpass check: checks a user's password.

import { DENIALS } from '../denials.js';
import { type KpassError, printable } from '../errors.js';
import type { Verdict } from '../verdict.js';
import { printError } from './failure.js';
import { readPassword, readToken } from './password.js';
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
      --otp RULE       where the KDC asks for the value of the user's token, check
                       asks for it, and sends it after the password (joined, as
                       FreeIPA needs it) or by itself (alone; default: joined)

Exit codes: 0 the password is right, or the ticket is accepted, 1 the login is
denied, 2 there is no verdict, or the usage is wrong.
`;

const OPTIONS = {
  ...COMMON,
  ...SERVICE,
  negotiate: { type: 'boolean', short: 'n' },
  otp: { type: 'string' },
} as const;

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
  // 'alone': without a value, nothing is sent as one. But the login waits for the armor.
  const options = { ...verifierOptions(values), otp: 'alone' } as const;
  const rule = ruleOf(values.otp);
  const verifier = new Verifier(options);
  const password = await readPassword(user, values['password-stdin'] ?? false);
  const progress = new Progress(!values.json);
  progress.show('asking the KDC');
  try {
    let verdict = await verifier.verify(user, password).finally(() => progress.clear());
    if (wantsToken(verdict) && !values['password-stdin']) {
      const otp = await readToken(user);
      const second = new Verifier({ ...options, otp: rule });
      verdict = await second.verify(user, password, { otp }).finally(() => second.close());
    }
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
const OF_PASSWORDS = ['password-stdin', 'canonicalize', 'upn-suffix', 'domain', 'otp'] as const;

function refuseForTickets(user: string | undefined, values: { [option: string]: unknown }): void {
  if (user !== undefined) throw new UsageError('with --negotiate the ticket names the user');
  const given = OF_PASSWORDS.find((option) => values[option] !== undefined);
  if (given !== undefined) throw new UsageError(`--${given} has no meaning with --negotiate`);
}

const wantsToken = (verdict: Verdict) => !verdict.verified && verdict.reason === 'second-factor';

function ruleOf(text = 'joined'): 'joined' | 'alone' {
  if (text === 'joined' || text === 'alone') return text;
  throw new UsageError(`--otp is joined or alone, not ${text}`);
}

function printVerdict(user: string, verdict: Verdict): void {
  const paint = painter(process.stdout);
  const line = verdict.verified
    ? `${paint('green', '✓')} ${printable(verdict.principal)}: the password is right, and the KDC is genuine`
    : `${paint('red', '✗')} ${printable(user)}: ${DENIALS[verdict.reason]}`;
  process.stdout.write(`${line}\n`);
}
