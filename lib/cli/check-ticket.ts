// kpass check --negotiate: makes a token of the caller's own ticket, as a browser does, and accepts it with
// the keytab, as a server does.

import { subscribe } from 'node:diagnostics_channel';
import type { Acceptance } from '../acceptance.js';
import type { TokenReport } from '../binding.js';
import { KpassError, printable } from '../errors.js';
import type { AcceptEvent } from '../events.js';
import { krb5Name } from '../krb5-codes.js';
import { checkSettings } from '../settings.js';
import type { VerifierOptions } from '../verifier.js';
import { BrokenLink } from './doctor/chain.js';
import { Krb5 } from './doctor/krb5.js';
import { Progress, painter, printJson } from './terminal.js';
import { doctorLine, shellWord } from './usage.js';

/** Why there is neither an acceptance nor a refusal. `code`: of a KpassError alone. */
interface Failure {
  code?: string;
  step: string;
  krb5Code?: number;
  krb5Name?: string;
  message: string;
}

/** Returns the exit code: 0 accepted, 1 refused, 2 neither. */
export async function checkTicket(options: VerifierOptions, json: boolean): Promise<number> {
  const progress = new Progress(!json);
  progress.show('asking the KDC for a ticket');
  const settings = checkSettings(options);
  let report: TokenReport;
  try {
    report = await new Krb5(settings).ask('ticketToken');
  } catch (error) {
    if (!(error instanceof BrokenLink)) throw error;
    const message = `no ticket: no answer in ${settings.timeout} ms`;
    return fail({ step: 'deadline', message }, runDoctor(options), json);
  } finally {
    progress.clear();
  }
  if (report.step !== '') return fail(failureOf(report), hintFor(report, options), json);
  try {
    const { acceptance, message } = await accept(report.token, options);
    if (json) printJson(recordOf(acceptance, message));
    else print(acceptance, message, report, options);
    return acceptance.accepted ? 0 : 1;
  } catch (error) {
    if (!(error instanceof KpassError)) throw error;
    const { code, step, krb5Code, krb5Name: name, message } = error;
    return fail(
      {
        code,
        step,
        ...(krb5Code !== undefined && { krb5Code }),
        ...(name !== undefined && { krb5Name: name }),
        message,
      },
      runDoctor(options),
      json,
    );
  }
}

/** `message` is libkrb5's, or kpass's own, for a refusal. */
async function accept(token: Uint8Array, options: VerifierOptions) {
  const { Acceptor } = await import('../acceptor.js');
  let message = '';
  subscribe('kpass:accept', (event) => {
    message = (event as AcceptEvent).message ?? '';
  });
  const { service, host, keytab, realms, config, timeout } = options;
  const acceptor = new Acceptor({ service, host, keytab, realms, config });
  try {
    return { acceptance: await acceptor.accept(token, { timeout }), message };
  } finally {
    acceptor.close();
  }
}

const recordOf = (acceptance: Acceptance, message: string) =>
  acceptance.accepted
    ? { accepted: true, principal: acceptance.principal, realm: acceptance.realm }
    : { accepted: false, reason: acceptance.reason, message };

function print(
  acceptance: Acceptance,
  message: string,
  { client, service }: TokenReport,
  options: VerifierOptions,
): void {
  const paint = painter(process.stdout);
  if (acceptance.accepted) {
    const detail = `the ticket for ${printable(service)} is accepted`;
    process.stdout.write(`${paint('green', '✓')} ${printable(acceptance.principal)}: ${detail}\n`);
    return;
  }
  process.stdout.write(
    `${paint('red', '✗')} ${printable(client)}: the ticket is refused (${acceptance.reason}): ${message}\n`,
  );
  if (acceptance.reason !== 'ticket') return;
  process.stderr.write(
    'An old ticket may be in your cache: kinit starts a new one.\n' +
      `To compare the keytab with the KDC, run:\n  ${doctorLine(options)}\n`,
  );
}

function failureOf({ step, code, message, cache }: TokenReport): Failure {
  const name = code === 0 ? undefined : krb5Name(code);
  const where = step.startsWith('krb5_cc_') && cache !== '' ? `${cache}: ` : '';
  return {
    step,
    ...(code !== 0 && { krb5Code: code }),
    ...(name !== undefined && { krb5Name: name }),
    message: printable(`no ticket: ${where}${message} (${step})`),
  };
}

const runDoctor = (options: VerifierOptions): string[] => [
  'To find out what is broken, run:',
  `  ${doctorLine(options)}`,
];

/** The next command. */
function hintFor({ step, code }: TokenReport, options: VerifierOptions): string[] {
  const noTicket =
    step.startsWith('krb5_cc_') ||
    ['KRB5_CC_NOTFOUND', 'KRB5KRB_AP_ERR_TKT_EXPIRED'].includes(krb5Name(code) ?? '');
  if (!noTicket) return runDoctor(options);
  const from = [options.config ?? []].flat().join(':');
  return [
    'To get a ticket, run:',
    `  ${from === '' ? '' : `KRB5_CONFIG=${shellWord(from)} `}kinit`,
  ];
}

function fail(failure: Failure, hint: string[], json: boolean): number {
  const { code, message } = failure;
  if (json) printJson({ error: failure });
  else {
    const lines = [`kpass: ${message}${code === undefined ? '' : ` [${code}]`}`, ...hint];
    process.stderr.write(`${lines.join('\n')}\n`);
  }
  return 2;
}
