// Replies that no honest KDC sends, and servers that only resemble a KDC.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Realm } from 'kpass/testing';
import { element, field, inside, integer, tagged, time } from './der';

const PREAUTH_REQUIRED = 25;
const PA_ENC_TIMESTAMP = 2;
const PA_ETYPE_INFO2 = 19;
const AES256_SHA1 = 18;

const sequence = (...parts: Buffer[]) => element(0x30, ...parts);
const octets = (bytes: Buffer) => element(0x04, bytes);

/** A reply to an AS-REQ that demands iterations for the key (RFC 4120, 5.2.7.5; RFC 3962, 4). */
export function demandIterations(request: Buffer, iterations: number): Buffer {
  const body = field(inside(request), 4);
  const [realm, server] = [body && field(body, 2), body && field(body, 3)];
  if (!realm || !server) throw new TypeError('not an AS-REQ');
  const count = Buffer.alloc(4);
  count.writeUInt32BE(iterations);
  const keyInfo = sequence(tagged(0, integer(AES256_SHA1)), tagged(2, octets(count)));
  const padata = (type: number, value: Buffer) =>
    sequence(tagged(1, integer(type)), tagged(2, octets(value)));
  const methods = sequence(
    padata(PA_ENC_TIMESTAMP, Buffer.alloc(0)),
    padata(PA_ETYPE_INFO2, sequence(keyInfo)),
  );
  const fields = [
    tagged(0, integer(5)),
    tagged(1, integer(30)),
    tagged(4, time(new Date())),
    tagged(5, integer(0)),
    tagged(6, integer(PREAUTH_REQUIRED)),
    tagged(9, realm),
    tagged(10, server),
    tagged(12, octets(methods)),
  ];
  return element(0x7e, sequence(...fields));
}

/** A TCP server in place of the KDC. It passes each connection to `serve`, and has no UDP. */
export class TcpImpersonator implements AsyncDisposable {
  /** Path of a krb5.conf whose clients speak TCP to the server. */
  config = '';
  readonly #clients = new Set<Socket>();
  readonly #server;

  private constructor(serve: (client: Socket) => void) {
    this.#server = createServer((client) => {
      this.#clients.add(client);
      client.on('error', () => {});
      serve(client);
    });
  }

  static async start(realm: Realm, serve: (client: Socket) => void): Promise<TcpImpersonator> {
    const impersonator = new TcpImpersonator(serve);
    await once(impersonator.#server.listen(0, '127.0.0.1'), 'listening');
    const { port } = impersonator.#server.address() as AddressInfo;
    impersonator.config = await realm.writeConfig({
      kdcs: [`127.0.0.1:${port}`],
      more: '[libdefaults]\nudp_preference_limit = 1\n',
    });
    return impersonator;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await once(this.#server.close(), 'close');
  }
}
