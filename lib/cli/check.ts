// kpass check: checks a user's password.

import { DENIALS } from '../denials.js';
import { type KpassError, printable } from '../errors.js';
import type { Verdict } from '../verdict.js';
import type { VerifierOptions } from '../verifier.js';
import { readPassword, readToken } from './password.js';
import { Progress, painter, printJson } from './terminal.js';
import {
  COMMON,
  doctorLine,
  onlyUser,
  parse,
  SERVICE,
  SERVICE_HELP,
  UsageError,
  verifierOptions,
} from './usage.js';

const USAGE = `usage: kpass check USER [options]

Checks a user's password against Kerberos, and proves with the keytab that the
KDC is genuine. Asks for the password at a prompt that does not show it.

${SERVICE_HELP}
      --otp RULE       where the KDC asks for the value of the user's token, check
                       asks for it, and sends it after the password (joined, as
                       FreeIPA needs it) or by itself (alone; default: joined)
Exit codes: 0 the password is right, 1 the login is denied, 2 there is no
verdict, or the usage is wrong.
`;

export async function check(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, { ...COMMON, ...SERVICE, otp: { type: 'string' } });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const user = onlyUser(positionals);
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
    if (values.json) printJson({ error: recordOf(error as KpassError) });
    else printError(error as KpassError, options);
    return 2;
  } finally {
    password.fill(0);
    verifier.close();
  }
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

function printError({ code, message }: KpassError, options: VerifierOptions): void {
  const lines = [
    `kpass: ${message} [${code}]`,
    'To find out what is broken, run:',
    `  ${doctorLine(options)}`,
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}

function recordOf({ code, step, krb5Code, krb5Name, message }: KpassError) {
  return { code, step, krb5Code, krb5Name, message };
}
