// A name server on loopback that knows only the servers of one realm.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { preloaded } from './preloaded';

const SRV = 33;
const URI = 256;

/** RFC 2782. */
export interface Srv {
  port: number;
  /** Default: localhost. */
  target?: string;
  /** Default: 0. */
  priority?: number;
}

export interface NameServer extends AsyncDisposable {
  port: number;
}

/** Servers of other services by their names, such as `_kpasswd._tcp`. */
type Others = Readonly<Record<string, readonly Srv[]>>;

/** Starts the server. It knows `_kerberos._udp`, `_kerberos._tcp` and, with `uri`, `_kerberos`. */
export async function nameServer(
  kdcs: readonly Srv[],
  uri?: string,
  others: Others = {},
): Promise<NameServer> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.on('message', (query, { port, address }) => {
    socket.send(answer(query, kdcs, uri, others), port, address);
  });
  const { port } = socket.address();
  return {
    port,
    async [Symbol.asyncDispose]() {
      await once(socket.close(), 'close');
    },
  };
}

/** Environment variables that make a program's C library, and so libkrb5, ask the server. */
export async function asCResolver(port: number, folder: string): Promise<Record<string, string>> {
  const library = await preloaded('resolver', folder, '-lresolv');
  return { LD_PRELOAD: library, DNS_PORT: String(port) };
}

/** RFC 1035, 4.1. */
function answer(
  query: Buffer,
  kdcs: readonly Srv[],
  uri: string | undefined,
  others: Others,
): Buffer {
  const question = query.subarray(12, query.indexOf(0, 12) + 5);
  const name = question.toString('latin1'); // each label comes after a byte with its length
  const type = question.readUInt16BE(question.length - 4);
  const [, service = '', protocol = ''] = /^.(_[\w-]+).(_udp|_tcp)/s.exec(name) ?? [];
  const servers = service === '_kerberos' ? kdcs : others[`${service}.${protocol}`];
  const isSrv = servers !== undefined;
  const isUri = uri !== undefined && /^._kerberos[^_]*$/s.test(name);
  const records: Buffer[] = [];
  if (isSrv && type === SRV) records.push(...servers.map(srv));
  if (isUri && type === URI) records.push(Buffer.concat([numbers(10, 1), Buffer.from(uri)]));
  const header = Buffer.concat([
    query.subarray(0, 2),
    numbers(isSrv || isUri ? 0x8580 : 0x8583, 1, records.length, 0, 0),
  ]);
  const answers = records.map((data) =>
    // The question's name, the type, the class IN, and a TTL of one minute.
    Buffer.concat([numbers(0xc00c, type, 1, 0, 60, data.length), data]),
  );
  return Buffer.concat([header, question, ...answers]);
}

function srv({ port, target = 'localhost', priority = 0 }: Srv): Buffer {
  const labels = target === '.' ? [] : target.split('.');
  const parts = labels.map((label) => Buffer.from(String.fromCharCode(label.length) + label));
  return Buffer.concat([numbers(priority, 0, port), ...parts, Buffer.alloc(1)]);
}

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt16BE(value, 2 * i);
  });
  return bytes;
}
