// Asks each KDC by UDP and by TCP, and measures how fast it answers.

import type { Settings } from '../../settings.js';
import { shellWord } from '../usage.js';
import { type AsReply, asRequest, readAsReply } from './as-exchange.js';
import { ask, type Endpoint, type Protocol } from './ask.js';
import { broken, type Diagnosis, type LookResult, notTried, ok, warning } from './chain.js';
import { type KdcKind, kindOf } from './kdc-kind.js';
import { FORMS, type Kdc, type Kdcs } from './kdc-names.js';
import type { Krb5 } from './krb5.js';
import { privateRealmOf, startAgain } from './private-realm.js';
import type { Naming } from './surroundings.js';

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
  reply: AsReply;
}

export interface KdcFacts {
  answering: AnsweringKdc[];
  /** Of the first one that answers; null if it could not be told. */
  kind: KdcKind | null;
}

interface Probe {
  endpoint: Endpoint;
  protocol: Protocol;
  /** The reply, or the reason why there is none. */
  result: { reply: AsReply; latency: number; at: number } | string;
}

export async function lookAtKdcs(
  krb5: Krb5,
  settings: Settings,
  { realm }: Naming,
  { list, libkrb5Only }: Kdcs,
): Promise<LookResult<KdcFacts>> {
  const patience = Math.min(PATIENCE, settings.timeout);
  const home = privateRealmOf(await krb5.ask('configFiles'));
  const hosts = list.map(({ host }) => host);
  const found = await krb5.ask('addressesOf', hosts);
  const looks = await Promise.all(
    list.map((kdc, i) => lookAtKdc(kdc, found[i] ?? null, realm, patience, home !== null)),
  );
  const answering = looks.flatMap((look) => look.answering);
  const diagnoses = looks.map(({ diagnosis }) => diagnosis);
  // A KDC that doctor cannot ask may answer. A login shows whether it does.
  if (list.length === 0) diagnoses.push(notTried('only libkrb5 knows them: a login will show'));
  const reason = answering.length > 0 ? OTHER_ANSWERS : libkrb5Only ? OTHER_MAY : null;
  if (reason !== null) for (const diagnosis of diagnoses) soften(diagnosis, reason);
  if (answering.length === 0 && !libkrb5Only) return { diagnoses, facts: null };
  const kdc = overTcp(answering);
  const kind = home ?? (kdc === undefined ? null : await kindOf(realm, kdc, kdc.reply));
  return { diagnoses, facts: { answering, kind } };
}

/** A ticket may be too large for UDP. */
export const overTcp = (answering: AnsweringKdc[]): AnsweringKdc | undefined =>
  answering.find(({ protocol }) => protocol === 'TCP') ?? answering[0];

const OTHER_ANSWERS =
  'another KDC answers, and kpass asks that one (kinit waits for this one each time)';
const OTHER_MAY = 'others, which only libkrb5 can ask, may answer';

/** A dead KDC is only a warning if there are others. */
function soften(diagnosis: Diagnosis, reason: string): void {
  if (diagnosis.status !== 'broken') return;
  diagnosis.status = 'warning';
  diagnosis.detail += `; ${reason}`;
}

interface KdcReport {
  diagnosis: Diagnosis;
  answering: AnsweringKdc[];
}

/** `addresses` is null if the resolver did not answer. */
async function lookAtKdc(
  kdc: Kdc,
  addresses: string[] | null,
  realm: string,
  patience: number,
  isPrivate: boolean,
): Promise<KdcReport> {
  if (!kdc.udp && !kdc.tcp) {
    return {
      diagnosis: notTried(`${kdc.name}: doctor asks KDCs by UDP and TCP only`),
      answering: [],
    };
  }
  if (kdc.host === '' || kdc.port === 0) {
    const detail = `"${kdc.name}" names ${kdc.host === '' ? 'no host' : 'the port 0, where nothing can listen'}`;
    return { diagnosis: broken(detail, ...FORMS), answering: [] };
  }
  const [, prefix, rest] = /^(tcp|udp|http|kkdcp)\/(.*)$/.exec(kdc.name) ?? [];
  if (prefix !== undefined) {
    const diagnosis = broken(
      `${kdc.name}: MIT's libkrb5 knows no '${prefix}/' before a name, as Heimdal's does`,
      'Write in krb5.conf:',
      `    kdc = ${rest}`,
      ...(prefix === 'tcp'
        ? ['For TCP alone:', '[libdefaults]', '    udp_preference_limit = 1']
        : []),
    );
    return { diagnosis, answering: [] };
  }
  if (addresses === null || addresses.length === 0) {
    const diagnosis = broken(
      `${kdc.name}: ${addresses === null ? 'DNS does not answer' : 'the name has no address'}`,
      `Is ${realm} the right realm? Is the KDC's name right, in krb5.conf or in DNS?`,
      `getent hosts ${shellWord(kdc.host)}`,
    );
    return { diagnosis, answering: [] };
  }
  // DNS may name a KDC for TCP only. A reply that is too large for UDP always needs TCP.
  const protocols = kdc.udp ? (['UDP', 'TCP'] as const) : (['TCP'] as const);
  const firsts = await Promise.all(
    addresses.flatMap((address) =>
      protocols.map((protocol) => probe({ address, port: kdc.port }, protocol, realm, patience)),
    ),
  );
  const probes: Probe[] = [];
  for (const first of firsts) probes.push(await again(first, realm, patience));
  const answering = probes.flatMap(({ endpoint, protocol, result }) => {
    if (typeof result === 'string' || isWrongRealm(result.reply)) return [];
    const { reply, at } = result;
    const ahead = 'time' in reply ? reply.time - at : undefined;
    return [{ kdc, protocol, ...endpoint, ahead, reply }];
  });
  return { diagnosis: judge(kdc, realm, probes, isPrivate), answering };
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

function judge(kdc: Kdc, realm: string, probes: Probe[], isPrivate: boolean): Diagnosis {
  const detail = `${kdc.name}: ${probes.map(textOf).join(', ')}`;
  if (probes.some(({ result }) => typeof result === 'object' && isWrongRealm(result.reply))) {
    return broken(
      `${detail}; it says that it is not a KDC of ${realm}`,
      `Check krb5.conf: is default_realm right? Is the kdc of ${realm} in [realms] right?`,
    );
  }
  const answers = (protocol: Protocol) =>
    probes.some((one) => one.protocol === protocol && typeof one.result === 'object');
  const [host, port] = [shellWord(kdc.host), kdc.port];
  if ((answers('UDP') || !kdc.udp) && answers('TCP')) return ok(detail);
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
  if (isPrivate) {
    return broken(detail, ...startAgain(), 'Or, with kpass/testing: await realm.startKdc()');
  }
  return broken(
    detail,
    'Does the KDC run? To find out, run on the KDC:',
    'systemctl status krb5-kdc    # or heimdal-kdc, samba-ad-dc, ipa',
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
