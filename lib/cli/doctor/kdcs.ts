// Asks each KDC by UDP and by TCP, and measures how fast it answers.

import { lookup } from 'node:dns/promises';
import type { Settings } from '../../settings.js';
import { shellWord } from '../usage.js';
import { type AsReply, asRequest, readAsReply } from './as-exchange.js';
import { ask, type Endpoint, type Protocol } from './ask.js';
import { broken, type Diagnosis, type LookResult, notTried, ok, warning } from './chain.js';
import type { Naming } from './configuration.js';
import type { Kdc } from './kdc-names.js';

/** ms for a reply: longer than any healthy network takes. libkrb5 waits as long over UDP. */
const PATIENCE = 3000;

/** A user that no realm has. In the KDC's log the name shows that doctor is asking. */
const NOBODY = 'kpass-doctor';

const WRONG_REALM = 68;

/** A KDC that answered, at the address and by the protocol by which it did. */
export interface AnsweringKdc extends Endpoint {
  kdc: Kdc;
  protocol: Protocol;
  /** ms by which its clock is ahead of this machine's; undefined if the reply told no time. */
  ahead: number | undefined;
}

interface Probe {
  endpoint: Endpoint;
  protocol: Protocol;
  /** The reply, or the reason why there is none. */
  result: { reply: AsReply; latency: number; at: number } | string;
}

export async function lookAtKdcs(
  settings: Settings,
  { realm }: Naming,
  kdcs: Kdc[],
): Promise<LookResult<AnsweringKdc[]>> {
  const patience = Math.min(PATIENCE, settings.timeout);
  const looks = await Promise.all(kdcs.map((kdc) => lookAtKdc(kdc, realm, patience)));
  const answering = looks.flatMap((look) => look.answering);
  // doctor cannot ask a KDC behind an HTTPS proxy, so that KDC may answer.
  const unasked = looks.some(({ diagnosis }) => diagnosis.status === 'not tried');
  const diagnoses = looks.map(({ diagnosis }) => diagnosis);
  if (answering.length > 0) for (const diagnosis of diagnoses) soften(diagnosis);
  return { diagnoses, facts: answering.length > 0 || unasked ? answering : null };
}

/** A dead KDC is only a warning if another one answers: kpass asks that one. */
function soften(diagnosis: Diagnosis): void {
  if (diagnosis.status !== 'broken') return;
  diagnosis.status = 'warning';
  diagnosis.detail +=
    '; another KDC answers, and kpass asks that one (kinit waits for this one each time)';
}

interface KdcReport {
  diagnosis: Diagnosis;
  answering: AnsweringKdc[];
}

async function lookAtKdc(kdc: Kdc, realm: string, patience: number): Promise<KdcReport> {
  if (kdc.host === null) {
    return {
      diagnosis: notTried(`${kdc.name}: doctor asks KDCs by UDP and TCP only`),
      answering: [],
    };
  }
  const addresses = await lookup(kdc.host, { all: true }).catch(() => []);
  if (addresses.length === 0) {
    const diagnosis = broken(
      `${kdc.name}: the name has no address`,
      `Is ${realm} the right realm? Is the KDC's name right, in krb5.conf or in DNS?`,
      `getent hosts ${shellWord(kdc.host)}`,
    );
    return { diagnosis, answering: [] };
  }
  const firsts = await Promise.all(
    addresses.flatMap(({ address }) =>
      (['UDP', 'TCP'] as const).map((protocol) =>
        probe({ address, port: kdc.port }, protocol, realm, patience),
      ),
    ),
  );
  const probes: Probe[] = [];
  for (const first of firsts) probes.push(await again(first, realm, patience));
  const answering = probes.flatMap(({ endpoint, protocol, result }) => {
    if (typeof result === 'string' || isWrongRealm(result.reply)) return [];
    const { reply, at } = result;
    const ahead = 'time' in reply ? reply.time - at : undefined;
    return [{ kdc, protocol, ...endpoint, ahead }];
  });
  return { diagnosis: judge(kdc, realm, probes), answering };
}

const isWrongRealm = (reply: AsReply) => 'error' in reply && reply.error === WRONG_REALM;

async function probe(
  endpoint: Endpoint,
  protocol: Protocol,
  realm: string,
  patience: number,
): Promise<Probe> {
  const request = asRequest(realm, NOBODY, `krbtgt/${realm}`);
  try {
    const { bytes, latency, at } = await ask(protocol, endpoint, request, patience);
    const reply = readAsReply(bytes);
    const result = reply === null ? 'answers, but not in Kerberos' : { reply, latency, at };
    return { endpoint, protocol, result };
  } catch (error) {
    return { endpoint, protocol, result: wordsFor(error as NodeJS.ErrnoException) };
  }
}

/**
 * Asks once more, while no other request is in progress. The first request includes work that happens
 * only once, here and in the network. The quicker reply counts: its time is the more accurate one too.
 */
async function again(first: Probe, realm: string, patience: number): Promise<Probe> {
  if (typeof first.result === 'string') return first;
  const second = await probe(first.endpoint, first.protocol, realm, patience);
  if (typeof second.result === 'string') return first;
  return second.result.latency < first.result.latency ? second : first;
}

function wordsFor({ code, message }: NodeJS.ErrnoException): string {
  return code === 'ECONNREFUSED' ? 'refused: nothing listens there' : message;
}

function judge(kdc: Kdc, realm: string, probes: Probe[]): Diagnosis {
  const detail = `${kdc.name}: ${probes.map(textOf).join(', ')}`;
  if (probes.some(({ result }) => typeof result === 'object' && isWrongRealm(result.reply))) {
    return broken(
      `${detail}; it says that it is not a KDC of ${realm}`,
      `Check krb5.conf: is default_realm right? Is the kdc of ${realm} in [realms] right?`,
    );
  }
  const answers = (protocol: Protocol) =>
    probes.some((one) => one.protocol === protocol && typeof one.result === 'object');
  const [host, port] = [shellWord(kdc.host ?? ''), kdc.port];
  if (answers('UDP') && answers('TCP')) return ok(detail);
  if (answers('TCP')) {
    return warning(
      `${detail}; some logins try UDP first, and wait a second in vain`,
      `Allow UDP to port ${port} of ${host}, or write in krb5.conf:`,
      '[libdefaults]',
      '    udp_preference_limit = 1',
    );
  }
  if (answers('UDP')) {
    return warning(
      `${detail}; a reply that is too large for UDP will not arrive`,
      `Allow TCP to port ${port} of ${host}. To test it:`,
      `nc -vz ${host} ${port}`,
    );
  }
  return broken(
    detail,
    'Does the KDC run? To find out, run on the KDC:',
    'systemctl status krb5-kdc',
    'Does a firewall block it? To find out, run here:',
    `nc -vz ${host} ${port}`,
    `nc -vzu ${host} ${port}`,
  );
}

function textOf({ endpoint, protocol, result }: Probe, _: number, all: Probe[]): string {
  const where = all.length > 2 ? `${endpoint.address} ` : '';
  const what = typeof result === 'string' ? result : `${result.latency.toFixed(1)} ms`;
  return `${where}${protocol} ${what}`;
}
