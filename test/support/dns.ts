/** A name server on loopback that knows where one realm's KDC is, and nothing else. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const SRV = 33;

export interface NameServer extends AsyncDisposable {
  /** Node's own options that make its program ask here. */
  asResolver: readonly string[];
}

/** Answers `_kerberos._udp` and `_kerberos._tcp` of any realm with localhost and this port. */
export async function nameServer(kdcPort: number): Promise<NameServer> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.on('message', (query, { port, address }) => {
    socket.send(answer(query, kdcPort), port, address);
  });
  const program = `import dns from 'node:dns'; dns.setServers(['127.0.0.1:${socket.address().port}']);`;
  return {
    asResolver: ['--import', `data:text/javascript,${encodeURIComponent(program)}`],
    async [Symbol.asyncDispose]() {
      await once(socket.close(), 'close');
    },
  };
}

/** RFC 1035, 4.1; RFC 2782. */
function answer(query: Buffer, kdcPort: number): Buffer {
  const question = query.subarray(12, query.indexOf(0, 12) + 5);
  const known = /^._kerberos._(udp|tcp)/s.test(question.toString('latin1')); // each label after its length
  const type = question.readUInt16BE(question.length - 4);
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(known ? 0x8580 : 0x8583, 2);
  header.writeUInt16BE(1, 4);
  if (!known || type !== SRV) return Buffer.concat([header, question]);
  header.writeUInt16BE(1, 6);
  const target = Buffer.from('\x09localhost\0', 'latin1');
  const fixed = Buffer.alloc(18);
  fixed.writeUInt16BE(0xc00c, 0); // the question's name
  fixed.writeUInt16BE(SRV, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt32BE(60, 6);
  fixed.writeUInt16BE(6 + target.length, 10);
  fixed.writeUInt16BE(kdcPort, 16);
  return Buffer.concat([header, question, fixed, target]);
}
