// kpass passwd: changes a user's password.

import { DENIALS } from '../denials.js';
import { type KpassError, printable } from '../errors.js';
import type { PasswordChange, PasswordChangeReason } from '../password-change.js';
import { printError } from './failure.js';
import { readOldAndNew } from './password.js';
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

const USAGE = `usage: kpass passwd USER [options]

Changes a user's password, also an expired one. Then proves with the keytab that
the new password is right and the KDC is genuine. Asks for the old password and,
twice, for the new one, at prompts that do not show them. With --password-stdin
it reads two lines: the old password and the new one.

${SERVICE_HELP}
Exit codes: 0 the password is changed, 1 it is not, because the login or the new
password is refused, 2 an error, after which it may be changed, or wrong usage.
`;

export async function passwd(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, { ...COMMON, ...SERVICE });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const user = onlyUser(positionals);
  if (user === undefined) throw new UsageError('the user is missing');

  const { Verifier } = await import('../verifier.js');
  const options = verifierOptions(values);
  const verifier = new Verifier(options);
  const [old, fresh] = await readOldAndNew(user, values['password-stdin'] ?? false);
  const progress = new Progress(!values.json);
  progress.show('changing the password');
  try {
    const change = await verifier.changePassword(user, old, fresh).finally(() => progress.clear());
    if (values.json) printJson(change);
    else printChange(user, change);
    return change.changed ? 0 : 1;
  } catch (error) {
    printError(error as KpassError, options, values.json);
    return 2;
  } finally {
    old.fill(0);
    fresh.fill(0);
    verifier.close();
  }
}

const REASONS: Readonly<Record<PasswordChangeReason, string>> = {
  credentials: DENIALS.credentials,
  disabled: DENIALS.disabled,
  policy: 'the realm does not let this user change the password',
  'second-factor': 'the account wants a token',
  rejected: 'the realm refuses the new password',
};

function printChange(user: string, change: PasswordChange): void {
  const paint = painter(process.stdout);
  if (change.changed) {
    const text = 'the password is changed, and the KDC is genuine';
    process.stdout.write(`${paint('green', '✓')} ${printable(change.principal)}: ${text}\n`);
    return;
  }
  const words = change.message === undefined ? '' : `: ${change.message}`;
  const text = `${REASONS[change.reason]}${words}`;
  process.stdout.write(`${paint('red', '✗')} ${printable(user)}: ${text}\n`);
}
