// Every form of a KDC in krb5.conf: kpass's own transport, libkrb5's transport and kinit must come to
// the same verdict.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { asCResolver, type NameServer, nameServer } from '../support/dns';
import { client } from '../support/kinit';

const USER = 'alice';
const PASSWORD = 'wonderland';
// No program listens on this port.
const CLOSED = 'kdc = 127.0.0.1:1';

/** The outcome of a login: `true`, `false`, or the code of an error. */
type Verdict = true | false | 'ERR_KPASS_KDC' | 'ERR_KPASS_CONFIG';
type Row = [lines: string | string[], verdict: Verdict];

// PORT stands for the KDC's port. 127.0.0.1:88 is the KDC as well.
const ROWS: Row[] = [
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

// With a wrong password.
const REFUSED: Row[] = [
  ['kdc = 127.0.0.1:PORT', false],
  [['kdc = 127.0.0.1:PORT', 'primary_kdc = 127.0.0.1 # x'], false],
  [['kdc = 127.0.0.1:PORT', 'primary_kdc = no-such-host.invalid'], false],
  [['kdc = 127.0.0.1:PORT', 'primary_kdc = 127.0.0.1:1'], false],
  [['kdc = 127.0.0.1:PORT', 'master_kdc = tcp/127.0.0.1'], false],
  [['kdc = 127.0.0.1:PORT', 'primary_kdc = 2001:db8::1'], 'ERR_KPASS_CONFIG'],
  [['kdc = 127.0.0.1:PORT', 'master_kdc = 127.0.0.1:PORT # x'], 'ERR_KPASS_CONFIG'],
];

interface Outcome {
  verdict: Verdict | string;
  message?: string;
}

// Asks both transports, in this order.
const SOURCE = `
  const ask = (transport, password) => new Verifier({ ...options, transport })
    .verify('${USER}', password).then(
      ({ verified }) => ({ verdict: verified }),
      ({ code, message }) => ({ verdict: code, message }));
  (async () => {
    const outcomes = [];
    for (const transport of ['kpass', 'libkrb5']) outcomes.push(await ask(transport, process.env.PASSWORD));
    console.log(JSON.stringify(outcomes));
  })();`;

describe('a KDC in krb5.conf', () => {
  let realm: Realm;
  let dns: NameServer;
  let env: Record<string, string>;
  before(async () => {
    realm = await Realm.start({ users: { [USER]: PASSWORD } });
    dns = await nameServer([]);
    const resolver = await asCResolver(dns.port, realm.folder);
    const port88 = join(realm.folder, 'port-88.so');
    const source = join(__dirname, '../support/port-88.c');
    await promisify(execFile)('gcc', ['-shared', '-fPIC', '-o', port88, source]);
    env = {
      DNS_PORT: String(dns.port),
      LD_PRELOAD: `${resolver.LD_PRELOAD}:${port88}`,
      KDC_PORT: String(realm.port),
    };
  });
  after(async () => {
    await dns?.[Symbol.asyncDispose]();
    await realm?.stop();
  });

  /** Checks a row: all three clients must come to the row's verdict. */
  async function check([lines, verdict]: Row, password: string): Promise<void> {
    const text = [lines].flat().join('\n').replaceAll('PORT', String(realm.port));
    const config = await realm.writeConfig({
      kdcs: [],
      more: `[realms]\n${realm.name} = {\n${text}\n}\n`,
    });
    const [ended, { code }] = await Promise.all([
      runProgram(realm, SOURCE, config, { ...env, PASSWORD: password }),
      client(config, ['kinit', '--', USER], `${password}\n`, env),
    ]);
    const outcomes: Outcome[] = JSON.parse(ended.stdout);
    assert.deepEqual(
      [...outcomes.map((each) => each.verdict), code === 0],
      [verdict, verdict, verdict === true],
      JSON.stringify(outcomes),
    );
    if (verdict !== 'ERR_KPASS_CONFIG') return;
    for (const { message = '' } of outcomes) {
      assert.match(
        message,
        /(kdc|primary_kdc|master_kdc) = .* in realm EXAMPLE\.COM: Invalid argument/,
      );
      const mistaken = /(\w+ = .*) in realm/.exec(message)?.[1] ?? '';
      assert(text.replaceAll('"', '').includes(mistaken.trim()), `${mistaken} is not in ${text}`);
    }
  }

  for (const row of ROWS) {
    const [lines, verdict] = row;
    it(`'${name(lines)}' is ${verdict}`, () => check(row, PASSWORD));
  }

  for (const row of REFUSED) {
    const [lines, verdict] = row;
    it(`'${name(lines)}' is ${verdict} for a wrong password`, () => check(row, 'looking-glass'));
  }
});

function name(lines: string | string[]): string {
  const list = [lines].flat();
  return list.length > 4 ? `${list.length} lines, ending in ${list.at(-1)}` : list.join(', ');
}
