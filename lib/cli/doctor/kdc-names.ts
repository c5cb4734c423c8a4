// The KDCs of a realm, and the source that names them.

import { resolveSrv } from 'node:dns/promises';
import type { Settings } from '../../settings.js';
import { broken, type LookResult, ok } from './chain.js';
import type { Naming } from './configuration.js';
import type { Krb5 } from './krb5.js';

const PORT = 88;

export interface Kdc {
  /** As written in the source: 'kdc.example.com:88', 'https://proxy.example.com/KdcProxy'. */
  name: string;
  /** Null for a KDC that doctor cannot ask, because it has neither UDP nor TCP. */
  host: string | null;
  port: number;
}

/** libkrb5 asks DNS only if krb5.conf names no KDC (locate_kdc.c). */
export async function lookForKdcs(
  krb5: Krb5,
  settings: Settings,
  { realm }: Naming,
): Promise<LookResult<Kdc[]>> {
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

function found(kdcs: Kdc[], source: string): LookResult<Kdc[]> {
  return {
    diagnoses: ok(`${kdcs.map(({ name }) => name).join(', ')}, from ${source}`),
    facts: kdcs,
  };
}

function none(detail: string, realm: string): LookResult<Kdc[]> {
  const remedy = [
    `Is ${realm} the right realm? If so, name its KDCs in krb5.conf:`,
    '[realms]',
    `    ${realm} = {`,
    '        kdc = kdc.example.com',
    '    }',
    'or in DNS, with SRV records that this command shows:',
    `dig +short SRV _kerberos._udp.${realm}`,
  ];
  return { diagnoses: broken(detail, ...remedy), facts: null };
}

/** The forms of `kdc` in krb5.conf: host, host:port, [address]:port, and others for proxies. */
export function kdcOf(name: string): Kdc {
  if (/^https?:\/\/|^\//.test(name)) return { name, host: null, port: 0 };
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(name) ?? [];
  return { name, host: bracketed ?? plain ?? name, port: Number(port ?? PORT) };
}

/** The KDCs of both kinds of records, each once, in the order of priority. */
async function inDns(realm: string): Promise<Kdc[]> {
  const names = [`_kerberos._udp.${realm}`, `_kerberos._tcp.${realm}`];
  const answers = await Promise.all(names.map((name) => resolveSrv(name).catch(() => [])));
  // RFC 2782: the target '.' means that there is no server.
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
