// Which KDCs a realm has, and who says so.

import { resolveSrv } from 'node:dns/promises';
import type { Settings } from '../../settings.js';
import { broken, ok, type Seen } from './chain.js';
import type { Naming } from './configuration.js';
import type { Krb5 } from './krb5.js';

const PORT = 88;

export interface Kdc {
  /** As it is written: 'kdc.example.com:88', 'https://proxy.example.com/KdcProxy'. */
  name: string;
  /** Null: one that doctor cannot ask, as it is not to be reached by UDP or TCP. */
  host: string | null;
  port: number;
}

/** libkrb5 asks DNS only where krb5.conf names none (locate_kdc.c). */
export async function lookForKdcs(
  krb5: Krb5,
  settings: Settings,
  { realm }: Naming,
): Promise<Seen<Kdc[]>> {
  const written = krb5.configValues(settings, 'realms', realm, 'kdc');
  if (written.length > 0) return found(written.map(kdcOf), 'krb5.conf');
  const [lookUp = 'true'] = krb5.configValues(settings, 'libdefaults', 'dns_lookup_kdc');
  if (/^(n|no|f|false|nil|0|off)$/i.test(lookUp)) {
    return none(`krb5.conf names no KDC of ${realm}, and dns_lookup_kdc is off`, realm);
  }
  const kdcs = await inDns(realm);
  if (kdcs.length > 0) return found(kdcs, `DNS, SRV of _kerberos._udp.${realm}`);
  return none(`krb5.conf names no KDC of ${realm}, and DNS has none either`, realm);
}

function found(kdcs: Kdc[], source: string): Seen<Kdc[]> {
  return { findings: ok(`${kdcs.map(({ name }) => name).join(', ')}, by ${source}`), facts: kdcs };
}

function none(detail: string, realm: string): Seen<Kdc[]> {
  const remedy = [
    `Is ${realm} the right realm? If so, say in krb5.conf where its KDCs are:`,
    '[realms]',
    `    ${realm} = {`,
    '        kdc = kdc.example.com',
    '    }',
    'or have DNS say it:',
    `dig +short SRV _kerberos._udp.${realm}`,
  ];
  return { findings: broken(detail, ...remedy), facts: null };
}

/** The forms of `kdc` in krb5.conf: host, host:port, [address]:port, and others for proxies. */
export function kdcOf(name: string): Kdc {
  if (/^https?:\/\/|^\//.test(name)) return { name, host: null, port: 0 };
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(name) ?? [];
  return { name, host: bracketed ?? plain ?? name, port: Number(port ?? PORT) };
}

/** Both kinds of records, each KDC once, in the order of their priority. */
async function inDns(realm: string): Promise<Kdc[]> {
  const names = [`_kerberos._udp.${realm}`, `_kerberos._tcp.${realm}`];
  const answers = await Promise.all(names.map((name) => resolveSrv(name).catch(() => [])));
  // RFC 2782: a dot for a target says that there is none.
  const targets = answers.flat().filter(({ name }) => name !== '' && name !== '.');
  const records = targets.sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  const kdcs = new Map(
    records.map(({ name: host, port }) => {
      const name = `${host}:${port}`;
      return [name, { name, host, port }];
    }),
  );
  return [...kdcs.values()];
}
