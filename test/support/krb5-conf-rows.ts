// Every form of a KDC in krb5.conf, with the outcome of a login. kpass's transports, kinit and doctor are
// put to the same rows.

import type { Realm } from 'kpass/testing';
import { asCResolver, type NameServer, nameServer } from './dns';
import { preloaded } from './preloaded';

// No program listens on this port.
const CLOSED = 'kdc = 127.0.0.1:1';

/** The outcome of a login: `true`, `false`, or the code of an error. */
export type Verdict = true | false | 'ERR_KPASS_KDC' | 'ERR_KPASS_CONFIG';
export type Row = [lines: string | string[], verdict: Verdict];

/** The lines in [realms]. PORT stands for the KDC's port. 127.0.0.1:88 is the KDC as well. */
export const ROWS: Row[] = [
  // A host, and a port or the default one.
  ['kdc = 127.0.0.1:PORT', true],
  ['kdc = localhost:PORT', true],
  ['kdc = 127.0.0.1', true],
  ['kdc = localhost', true],
  ['kdc = "127.0.0.1:PORT"', true],
  ['kdc = 127.0.0.1:PORT   ', true],
  ['kdc=127.0.0.1:PORT', true],
  // Without a port, the value ends at the first blank.
  ['kdc = 127.0.0.1   # primary', true],
  ['kdc = 127.0.0.1\t; primary', true],
  ['kdc = 127.0.0.1 127.0.0.2', true],
  ['kdc = 127.0.0.2 127.0.0.1', 'ERR_KPASS_KDC'],
  ['kdc = 127.0.0.1 # see port:88', true],
  // With a port, the value does not end there.
  ['kdc = 127.0.0.1:PORT # primary', 'ERR_KPASS_CONFIG'],
  ['kdc = 127.0.0.1:PORT 127.0.0.2', 'ERR_KPASS_CONFIG'],
  ['kdc = 127.0.0.1:PORT, 127.0.0.2:PORT', 'ERR_KPASS_CONFIG'],
  ['kdc = 127.0.0.1:PORT;', 'ERR_KPASS_CONFIG'],
  // A comma is a part of the name.
  ['kdc = 127.0.0.1,127.0.0.2', 'ERR_KPASS_KDC'],
  // Brackets.
  ['kdc = [127.0.0.1]:PORT', true],
  ['kdc = [127.0.0.1]', true],
  ['kdc = [localhost]:PORT', true],
  ['kdc = [127.0.0.1] # primary', true],
  ['kdc = [127.0.0.1]PORT', true],
  ['kdc = []', 'ERR_KPASS_KDC'],
  ['kdc = [127.0.0.1', 'ERR_KPASS_KDC'],
  ['kdc = [::1', 'ERR_KPASS_CONFIG'],
  // IPv6 without brackets.
  ['kdc = 2001:db8::1', 'ERR_KPASS_CONFIG'],
  ['kdc = ::1', 'ERR_KPASS_CONFIG'],
  ['kdc = fe80::1%lo', 'ERR_KPASS_CONFIG'],
  // Ports, as strtoul() reads them.
  ['kdc = 127.0.0.1: PORT', true],
  ['kdc = 127.0.0.1:+PORT', true],
  ['kdc = 127.0.0.1:000PORT', true],
  ['kdc = 127.0.0.1:0', 'ERR_KPASS_KDC'],
  ['kdc = 127.0.0.1:65536', 'ERR_KPASS_CONFIG'],
  ['kdc = 127.0.0.1:99999999999999999999', 'ERR_KPASS_CONFIG'],
  ['kdc = 127.0.0.1:-1', 'ERR_KPASS_CONFIG'],
  ['kdc = 127.0.0.1:kerberos', 'ERR_KPASS_CONFIG'],
  ['kdc = 127.0.0.1:0x58', 'ERR_KPASS_CONFIG'],
  ['kdc = 127.0.0.1:', 'ERR_KPASS_CONFIG'],
  ['kdc = 127.0.0.1:PORT:PORT', 'ERR_KPASS_CONFIG'],
  ['kdc = :PORT', 'ERR_KPASS_CONFIG'],
  ['kdc = PORT', 'ERR_KPASS_CONFIG'],
  ['kdc = ""', 'ERR_KPASS_CONFIG'],
  // Prefixes that other programs know.
  ['kdc = tcp/127.0.0.1:PORT', 'ERR_KPASS_KDC'],
  ['kdc = udp/127.0.0.1', 'ERR_KPASS_KDC'],
  ['kdc = tcp:127.0.0.1:PORT', 'ERR_KPASS_CONFIG'],
  ['kdc = http://127.0.0.1:PORT/', 'ERR_KPASS_CONFIG'],
  ['kdc = HTTPS://127.0.0.1:1/', 'ERR_KPASS_CONFIG'],
  ['kdc = https://127.0.0.1:1/KdcProxy', 'ERR_KPASS_KDC'],
  ['kdc = https://127.0.0.1:x/KdcProxy', 'ERR_KPASS_CONFIG'],
  ['kdc = https://', 'ERR_KPASS_CONFIG'],
  ['kdc = /run/no-such.sock', 'ERR_KPASS_KDC'],
  ['kdc = unix:/run/no-such.sock', 'ERR_KPASS_CONFIG'],
  // Lists.
  [[CLOSED, 'kdc = 127.0.0.1:PORT'], true],
  [['kdc = 127.0.0.1:PORT', 'kdc = 127.0.0.1:PORT'], true],
  [['kdc = no-such-host.invalid', 'kdc = 127.0.0.1:PORT'], true],
  [['kdc = tcp/127.0.0.1', 'kdc = 127.0.0.1:PORT'], true],
  [['kdc = /run/no-such.sock', 'kdc = 127.0.0.1:PORT'], true],
  [['kdc = 127.0.0.1:0', 'kdc = 127.0.0.1:PORT'], true],
  [[...Array.from({ length: 80 }, (_, i) => `kdc = 127.0.1.${i}:1`), 'kdc = 127.0.0.1:PORT'], true],
  [['kdc = 127.0.0.1:PORT', 'kdc = 2001:db8::1'], 'ERR_KPASS_CONFIG'],
  [['kdc = 127.0.0.1:PORT # x', 'kdc = 127.0.0.1:PORT'], 'ERR_KPASS_CONFIG'],
  [['kdc = 127.0.0.1:PORT', '}', 'EXAMPLE.COM = {', CLOSED], true],
  [[], 'ERR_KPASS_KDC'],
  ['kdc = no-answer.invalid', 'ERR_KPASS_KDC'],
  [['kdc = [::1]:PORT', 'kdc = 127.0.0.1:PORT'], true],
  ['kdc = " 127.0.0.1:PORT"', 'ERR_KPASS_KDC'],
  ['kdc = "127.0.0.1:PORT "', 'ERR_KPASS_CONFIG'],
  [['admin_server = 2001:db8::1', 'kdc = 127.0.0.1:PORT'], true],
  ['primary_kdc = 127.0.0.1:PORT', true],
  ['master_kdc = 127.0.0.1:PORT', true],
  ['primary_kdc = 2001:db8::1', 'ERR_KPASS_CONFIG'],
  // The primary KDC is asked only after a refusal.
  [['kdc = 127.0.0.1:PORT', 'primary_kdc = 2001:db8::1'], true],
  [['kdc = 127.0.0.1:PORT', 'master_kdc = 127.0.0.1:PORT # x'], true],
];

/** With a wrong password. */
export const REFUSED: Row[] = [
  ['kdc = 127.0.0.1:PORT', false],
  [['kdc = 127.0.0.1:PORT', 'primary_kdc = 127.0.0.1 # x'], false],
  [['kdc = 127.0.0.1:PORT', 'primary_kdc = no-such-host.invalid'], false],
  [['kdc = 127.0.0.1:PORT', 'primary_kdc = 127.0.0.1:1'], false],
  [['kdc = 127.0.0.1:PORT', 'master_kdc = tcp/127.0.0.1'], false],
  [['kdc = 127.0.0.1:PORT', 'primary_kdc = 2001:db8::1'], 'ERR_KPASS_CONFIG'],
  [['kdc = 127.0.0.1:PORT', 'master_kdc = 127.0.0.1:PORT # x'], 'ERR_KPASS_CONFIG'],
];

/** The row's krb5.conf text in [realms]. */
export const textOf = ([lines]: Row, realm: Realm): string =>
  [lines].flat().join('\n').replaceAll('PORT', String(realm.port));

/** Writes the row's krb5.conf, and returns its path. */
export const configOf = (row: Row, realm: Realm): Promise<string> =>
  realm.writeConfig({ kdcs: [], more: `[realms]\n${realm.name} = {\n${textOf(row, realm)}\n}\n` });

export interface Surroundings extends AsyncDisposable {
  env: Record<string, string>;
}

/** Makes 127.0.0.1:88 the realm's KDC, and a name server that knows no KDC, for processes with this `env`. */
export async function surroundings(realm: Realm): Promise<Surroundings> {
  const dns: NameServer = await nameServer([]);
  const resolver = await asCResolver(dns.port, realm.folder);
  const port88 = await preloaded('port-88', realm.folder);
  return {
    env: {
      DNS_PORT: String(dns.port),
      LD_PRELOAD: `${resolver.LD_PRELOAD}:${port88}`,
      KDC_PORT: String(realm.port),
    },
    [Symbol.asyncDispose]: () => dns[Symbol.asyncDispose](),
  };
}

/** The row's name in a test. */
export function nameOf([lines]: Row): string {
  const list = [lines].flat();
  return list.length > 4 ? `${list.length} lines, ending in ${list.at(-1)}` : list.join(', ');
}
