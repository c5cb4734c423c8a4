// What kpass doctor says of browsers with a ticket: the service that they ask for, and the longest ticket
// that Node's HTTP server takes. A password works whatever it says: it is never more than a warning.

import { deepEqual, equal, match } from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { type Diagnosis, diagnose } from '../../support/doctor-fixture';
import { SambaDomain } from '../../support/samba';
import { SERVICE } from '../../support/subject';

const ALIASES = { 'www.alias.test': 'lb.alias.test', 'lb.alias.test': 'node1.alias.test' };
const [FIRST, , END] = ['www.alias.test', 'lb.alias.test', 'node1.alias.test'];

describe('kpass doctor and browsers with a ticket', () => {
  let realm: Realm;
  let dns: Awaited<ReturnType<typeof cnameServer>>;
  let hook: string;
  before(async () => {
    realm = await Realm.start({ services: [SERVICE, `HTTP/${FIRST}`] });
    dns = await cnameServer(ALIASES);
    hook = await asNodesResolver(dns.port);
  });
  after(async () => {
    dns?.socket.close();
    await realm?.stop();
  });

  /** Makes Node's own resolver ask the name server. */
  async function asNodesResolver(port: number): Promise<string> {
    const path = join(realm.folder, `resolver-${port}.cjs`);
    await writeFile(path, `require('node:dns').setServers(['127.0.0.1:${port}']);`);
    return path;
  }

  const link = ({ links }: Diagnosis, name: string) => links.find((each) => each.name === name);

  async function lookAt(host: string, keytab: string, more: string[] = [], script = hook) {
    const args = ['-H', host, '-k', keytab, '-c', realm.config, ...more];
    const found = await diagnose(args, { node: ['--require', script] });
    equal(found.code, 0, JSON.stringify(found, null, 1));
    return found;
  }

  it('names the service of a host that is no alias', async () => {
    await realm.addService('HTTP/plain.alias.test');
    const found = await lookAt('plain.alias.test', realm.keytab('HTTP/plain.alias.test'));
    deepEqual(link(found, 'browser'), {
      name: 'browser',
      status: 'ok',
      detail: 'with a ticket it asks for HTTP/plain.alias.test@EXAMPLE.COM; the keytab has its key',
      remedy: [],
    });
  });

  it('warns if the keytab has no key for the name at the end of the aliases', async () => {
    const found = link(await lookAt(FIRST, realm.keytab(`HTTP/${FIRST}`)), 'browser');
    equal(found?.status, 'warning');
    match(
      found?.detail ?? '',
      /^www\.alias\.test is an alias of node1\.alias\.test: .* ask for HTTP\/node1\.alias\.test@EXAMPLE\.COM, .* no key$/,
    );
    const remedy = found?.remedy.join('\n') ?? '';
    match(remedy, /kadmin\.local -q 'ktadd -k \S+ HTTP\/node1\.alias\.test@EXAMPLE\.COM'/);
    match(remedy, /hosts: \['www\.alias\.test', 'node1\.alias\.test'\]/);
  });

  it('compares the key of that name with the KDC’s', async () => {
    await realm.addService(`HTTP/${END}`);
    const keytab = await realm.writeKeytab(`HTTP/${FIRST}`, `HTTP/${END}`);
    const right = link(await lookAt(FIRST, keytab), 'browser');
    equal(right?.status, 'ok');
    match(right?.detail ?? '', /hosts: \[.*\]\. The keytab has the current key, version 1$/);
    await realm.rotateKey(`HTTP/${END}`);
    const old = link(await lookAt(FIRST, keytab), 'browser');
    equal(old?.status, 'warning');
    match(old?.detail ?? '', /does not open its ticket, which is of key version 2: /);
    match(old?.remedy.join('\n') ?? '', /ktadd -k \S+ HTTP\/node1\.alias\.test@EXAMPLE\.COM/);
  });

  it('warns if the KDC does not know that name', async () => {
    await realm.addService('HTTP/gone.alias.test');
    const other = await cnameServer({ [FIRST]: 'gone.alias.test' });
    try {
      const keytab = await realm.writeKeytab(`HTTP/${FIRST}`, 'HTTP/gone.alias.test');
      await realm.kadmin('delprinc', '-force', 'HTTP/gone.alias.test');
      const script = await asNodesResolver(other.port);
      const found = link(await lookAt(FIRST, keytab, [], script), 'browser');
      equal(found?.status, 'warning');
      match(found?.detail ?? '', /which the KDC does not know$/);
      match(found?.remedy.join('\n') ?? '', /addprinc -randkey HTTP\/gone\.alias\.test@/);
    } finally {
      other.socket.close();
    }
  });

  it('says so if DNS does not tell whether the host is an alias', async () => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const script = await asNodesResolver(silent.address().port);
      const keytab = realm.keytab(`HTTP/${FIRST}`);
      const found = link(await lookAt(FIRST, keytab, ['-t', '1000'], script), 'browser');
      equal(found?.status, 'ok');
      match(found?.detail ?? '', /unless www\.alias\.test is an alias: DNS does not tell;/);
    } finally {
      silent.close();
    }
  });

  it('says nothing of browsers to another service', async () => {
    await realm.addService('imap/localhost');
    const found = await lookAt('localhost', realm.keytab('imap/localhost'), ['-s', 'imap']);
    deepEqual([link(found, 'browser'), link(found, 'headers')], [undefined, undefined]);
  });

  it('names the longest ticket that the headers of a request have room for', async () => {
    const found = link(await lookAt('localhost', realm.keytab(SERVICE)), 'headers');
    equal(found?.status, 'ok');
    match(found?.detail ?? '', /takes 16384 bytes of headers .* a ticket of some 11520 bytes$/);
  });

  it('warns of it in a domain, whose tickets list groups', async () => {
    await using samba = await SambaDomain.start({ users: { alice: 'wonderland' } });
    const args = ['-k', samba.keytab(SERVICE), '-c', samba.config];
    const low = link(await diagnose(args), 'headers');
    equal(low?.status, 'warning');
    match(low?.detail ?? '', /Samba's have up to 48000/);
    match(low?.remedy[0] ?? '', /maxHeaderSize: 131072/);
    const node = ['--max-http-header-size=131072'];
    equal(link(await diagnose(args, { node }), 'headers')?.status, 'ok');
  });
});

/** A name server that knows CNAME records alone. */
async function cnameServer(aliases: Record<string, string>) {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.on('message', (query, { port, address }) => {
    const end = query.indexOf(0, 12) + 5;
    const alias = aliases[nameIn(query)];
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(alias === undefined ? 0x8183 : 0x8180, 2);
    header.writeUInt16BE(alias === undefined ? 0 : 1, 6);
    header.writeUInt32BE(0, 8);
    socket.send(
      Buffer.concat([header, query.subarray(12, end), ...(alias ? [record(alias)] : [])]),
      port,
      address,
    );
  });
  return { socket, port: socket.address().port };
}

/** RFC 1035, 4.1.2. */
function nameIn(query: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; query[at] !== 0; at += 1 + (query[at] ?? 0)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)));
  }
  return labels.join('.').toLowerCase();
}

/** The question's name, CNAME, IN, a TTL of a minute, and the alias. */
function record(alias: string): Buffer {
  const labels = alias.split('.').map((label) => String.fromCharCode(label.length) + label);
  const name = Buffer.from(`${labels.join('')}\0`, 'latin1');
  const head = Buffer.from([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, name.length]);
  return Buffer.concat([head, name]);
}
