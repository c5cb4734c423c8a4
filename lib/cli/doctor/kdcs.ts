// Whether the KDCs answer, by UDP and by TCP, and how fast.

import { lookup } from 'node:dns/promises';
import type { Settings } from '../../settings.js';
import { shellWord } from '../usage.js';
import { type Answer, asRequest, readAnswer } from './as-exchange.js';
import { ask, type Endpoint, type Transport } from './ask.js';
import { broken, type Finding, notTried, ok, type Seen, warning } from './chain.js';
import type { Naming } from './configuration.js';
import type { Kdc } from './kdc-names.js';

/** ms for an answer. libkrb5 gives a KDC three seconds over UDP; this is a network's patience. */
const PATIENCE = 3000;

/** A name that no realm has, and that tells the KDC's administrator who is asking. */
const NOBODY = 'kpass-doctor';

const WRONG_REALM = 68;

/** One that answered. */
export interface Answering extends Endpoint {
  kdc: Kdc;
  transport: Transport;
  /** ms that its clock is ahead of this machine's; undefined where it did not say. */
  ahead: number | undefined;
}

interface Attempt {
  endpoint: Endpoint;
  transport: Transport;
  /** What came, or why nothing did. */
  result: { answer: Answer; latency: number; at: number } | string;
}

export async function lookAtKdcs(
  settings: Settings,
  { realm }: Naming,
  kdcs: Kdc[],
): Promise<Seen<Answering[]>> {
  const patience = Math.min(PATIENCE, settings.timeout);
  const looks = await Promise.all(kdcs.map((kdc) => lookAtKdc(kdc, realm, patience)));
  const answering = looks.flatMap((look) => look.answering);
  // A KDC for HTTPS may answer, for all that doctor knows.
  const unasked = looks.some(({ finding }) => finding.status === 'not tried');
  const findings = looks.map(({ finding }) => finding);
  if (answering.length > 0) for (const finding of findings) soften(finding);
  return { findings, facts: answering.length > 0 || unasked ? answering : null };
}

/** With another KDC that answers, a dead one is no end: kpass goes to that one. */
function soften(finding: Finding): void {
  if (finding.status !== 'broken') return;
  finding.status = 'warning';
  finding.detail +=
    '; another KDC answers, and is asked instead (kinit waits for this one each time)';
}

interface Look {
  finding: Finding;
  answering: Answering[];
}

async function lookAtKdc(kdc: Kdc, realm: string, patience: number): Promise<Look> {
  if (kdc.host === null) {
    return { finding: notTried(`${kdc.name}: neither UDP nor TCP to port 88`), answering: [] };
  }
  const addresses = await lookup(kdc.host, { all: true }).catch(() => []);
  if (addresses.length === 0) {
    const finding = broken(
      `${kdc.name}: the name has no address`,
      `Is ${realm} the right realm? Its KDCs stand in krb5.conf, or in DNS. And is the name right?`,
      `getent hosts ${shellWord(kdc.host)}`,
    );
    return { finding, answering: [] };
  }
  const firsts = await Promise.all(
    addresses.flatMap(({ address }) =>
      (['UDP', 'TCP'] as const).map((transport) =>
        attempt({ address, port: kdc.port }, transport, realm, patience),
      ),
    ),
  );
  const attempts: Attempt[] = [];
  for (const first of firsts) attempts.push(await again(first, realm, patience));
  const answering = attempts.flatMap(({ endpoint, transport, result }) => {
    if (typeof result === 'string' || isWrongRealm(result.answer)) return [];
    const { answer, at } = result;
    const ahead = 'time' in answer ? answer.time - at : undefined;
    return [{ kdc, transport, ...endpoint, ahead }];
  });
  return { finding: judge(kdc, realm, attempts), answering };
}

const isWrongRealm = (answer: Answer) => 'error' in answer && answer.error === WRONG_REALM;

async function attempt(
  endpoint: Endpoint,
  transport: Transport,
  realm: string,
  patience: number,
): Promise<Attempt> {
  const request = asRequest(realm, NOBODY, `krbtgt/${realm}`);
  try {
    const { bytes, latency, at } = await ask(transport, endpoint, request, patience);
    const answer = readAnswer(bytes);
    const result = answer === null ? 'answers, but not in Kerberos' : { answer, latency, at };
    return { endpoint, transport, result };
  } catch (error) {
    return { endpoint, transport, result: wordsFor(error as NodeJS.ErrnoException) };
  }
}

/**
 * Asks again, with nothing beside it: the first question pays for what is done once, here and on the
 * way. The quicker answer stands, which has the truer time as well.
 */
async function again(first: Attempt, realm: string, patience: number): Promise<Attempt> {
  if (typeof first.result === 'string') return first;
  const second = await attempt(first.endpoint, first.transport, realm, patience);
  if (typeof second.result === 'string') return first;
  return second.result.latency < first.result.latency ? second : first;
}

function wordsFor({ code, message }: NodeJS.ErrnoException): string {
  return code === 'ECONNREFUSED' ? 'refused: nothing listens there' : message;
}

function judge(kdc: Kdc, realm: string, attempts: Attempt[]): Finding {
  const detail = `${kdc.name}: ${attempts.map(textOf).join(', ')}`;
  if (attempts.some(({ result }) => typeof result === 'object' && isWrongRealm(result.answer))) {
    return broken(
      `${detail}: it says that it is no KDC of ${realm}`,
      `In krb5.conf, is default_realm right? And the kdc of ${realm} in [realms]?`,
    );
  }
  const answers = (transport: Transport) =>
    attempts.some((one) => one.transport === transport && typeof one.result === 'object');
  const [host, port] = [shellWord(kdc.host ?? ''), kdc.port];
  if (answers('UDP') && answers('TCP')) return ok(detail);
  if (answers('TCP')) {
    return warning(
      `${detail}; now and then a login tries UDP first, and waits a second in vain`,
      `Let UDP through to port ${port} of ${host}, or say in krb5.conf:`,
      '[libdefaults]',
      '    udp_preference_limit = 1',
    );
  }
  if (answers('UDP')) {
    return warning(
      `${detail}; an answer that is too large for UDP will not come`,
      `Let TCP through to port ${port} of ${host}:`,
      `nc -vz ${host} ${port}`,
    );
  }
  return broken(
    detail,
    'Does the KDC run? There:',
    'systemctl status krb5-kdc',
    `Does a firewall stop it? Here:`,
    `nc -vz ${host} ${port}`,
    `nc -vzu ${host} ${port}`,
  );
}

function textOf({ endpoint, transport, result }: Attempt, _: number, all: Attempt[]): string {
  const where = all.length > 2 ? `${endpoint.address} ` : '';
  const what = typeof result === 'string' ? result : `${result.latency.toFixed(1)} ms`;
  return `${where}${transport} ${what}`;
}
