// Requests as bytes that no client library sends: folded and repeated fields, trailers, HTTP/2 frames
// made by hand, resets. Nobody gets in but with one well-formed Authorization field.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BasicAuth, basicAuth, type Identity } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { FaultProxy } from '../support/fault-proxy';
import { optionsFor } from '../support/subject';
import { basic, Web } from '../support/web';

const right = basic('alice', 'wonderland');
const wrong = basic('alice', 'looking-glass');
const token = right.slice('Basic '.length);

describe('kpass/http on the wire', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  let auth: BasicAuth;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
  });
  after(() => realm?.stop());
  beforeEach(async () => {
    proxy = await FaultProxy.start(realm);
    const { config } = proxy;
    auth = basicAuth({ ...optionsFor(realm), config, realm: 'x', secure: () => true });
  });
  afterEach(async () => {
    auth.close();
    await proxy.stop();
  });

  describe('of HTTP/1.1', () => {
    let web: Web;
    beforeEach(async () => {
      web = await Web.start(auth, { tls: false });
    });
    afterEach(() => web.stop());

    /** The status of the answer to these lines. */
    async function status(...lines: string[]): Promise<number> {
      const socket = net.connect(web.port, '127.0.0.1');
      let answer = '';
      socket.on('data', (bytes) => {
        answer += bytes.toString('latin1');
      });
      const closed = once(socket, 'close');
      const head = ['GET / HTTP/1.1', 'Host: localhost', 'Connection: close', ...lines, '', ''];
      socket.write(head.join('\r\n'), 'latin1');
      await closed;
      return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
    }

    it('lets in with one field', async () => {
      assert.equal(await status(`Authorization: ${right}`), 200);
      assert.equal(await status(`aUTHORIZATION:${right}`), 200);
    });

    const attacks: Record<string, string[]> = {
      'the field twice': [`Authorization: ${right}`, `Authorization: ${right}`],
      'the field in two cases': [`Authorization: ${right}`, `AUTHORIZATION: ${wrong}`],
      'the right one last': [`Authorization: ${wrong}`, `authorization: ${right}`],
      'an empty field and the right one': ['Authorization:', `Authorization: ${right}`],
      'a token that is folded': [`Authorization: Basic ${token.slice(0, 8)}`, ` ${token.slice(8)}`],
      'two tokens, one folded': [`Authorization: ${right}`, ` ${token}`],
      'a blank before the colon': [`Authorization : ${right}`],
      'a field that another one holds': [`X-Other: a\rAuthorization: ${right}`],
      'a NUL in the value': [`Authorization: Basic \0${token}`],
      'a field of another name that ends alike': [`Proxy-Authorization: ${right}`],
      'an underscore for a letter': [`Author_zation: ${right}`],
      'a trailer': [
        'Transfer-Encoding: chunked',
        'Trailer: Authorization',
        '',
        '0',
        `Authorization: ${right}`,
      ],
    };
    for (const [what, lines] of Object.entries(attacks)) {
      it(`lets nobody in with ${what}`, async () => {
        const got = await status(...lines);
        assert([400, 401].includes(got), `${got}`);
        assert.equal(proxy.log.length, 0);
      });
    }

    it('goes on after clients that reset the connection at every moment', async () => {
      const head = `GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${right}\r\n\r\n`;
      for (const length of [10, 40, head.length - 1, head.length]) {
        for (const wait of [0, 1, 5]) {
          const socket = net.connect(web.port, '127.0.0.1');
          await once(socket, 'connect');
          socket.write(head.slice(0, length));
          await sleep(wait);
          socket.resetAndDestroy();
        }
      }
      assert.equal(await status(`Authorization: ${right}`), 200);
    });
  });

  describe('of HTTP/2, in frames made by hand', () => {
    let server: http2.Http2Server;
    let results: (Identity | null | 'error')[];
    let socket: net.Socket;
    beforeEach(async () => {
      results = [];
      server = http2.createServer((request, response) => {
        auth.check(request as never).then(
          (identity) => results.push(identity),
          () => results.push('error'),
        );
        response.end();
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      socket.write(frame(SETTINGS, 0, 0));
    });
    afterEach(() => {
      socket.destroy();
      server.close();
    });

    const [HEADERS, RST_STREAM, SETTINGS, CONTINUATION] = [1, 3, 4, 9];
    const [END_STREAM, END_HEADERS] = [1, 4];

    /** RFC 9113, 4.1. */
    function frame(
      type: number,
      flags: number,
      stream: number,
      payload: Uint8Array = Buffer.alloc(0),
    ): Buffer {
      const head = Buffer.alloc(9);
      head.writeUIntBE(payload.length, 0, 3);
      head.writeUInt8(type, 3);
      head.writeUInt8(flags, 4);
      head.writeUInt32BE(stream, 5);
      return Buffer.concat([head, payload]);
    }

    /** Each field as a literal without indexing: RFC 7541, 6.2.2. */
    function block(...fields: [name: string, value: string][]): Buffer {
      const all: [string, string][] = [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/'],
        [':authority', 'localhost'],
        ...fields,
      ];
      return Buffer.concat(
        all.map(([name, value]) =>
          Buffer.concat([Buffer.from([0]), literal(name), literal(value)]),
        ),
      );
    }

    function literal(text: string): Buffer {
      const bytes = Buffer.from(text, 'latin1');
      assert(bytes.length < 127);
      return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    }

    async function resultOf(count: number): Promise<unknown> {
      while (results.length < count && !socket.destroyed) await sleep(5);
      return results[count - 1];
    }

    it('lets in with one field, also in two frames', async () => {
      const whole = block(['authorization', right]);
      socket.write(frame(HEADERS, END_STREAM | END_HEADERS, 1, whole));
      assert.equal(((await resultOf(1)) as Identity).user, 'alice');
      socket.write(frame(HEADERS, END_STREAM, 3, whole.subarray(0, -10)));
      socket.write(frame(CONTINUATION, END_HEADERS, 3, whole.subarray(-10)));
      assert.equal(((await resultOf(2)) as Identity).user, 'alice');
    });

    const attacks: Record<string, [string, string][]> = {
      'the field twice': [
        ['authorization', right],
        ['authorization', right],
      ],
      'the right one first': [
        ['authorization', right],
        ['authorization', wrong],
      ],
      'the right one last': [
        ['authorization', wrong],
        ['authorization', right],
      ],
      'capital letters': [['Authorization', right]],
      'a pseudo-header': [[':authorization', right]],
      'a line break in another field': [['x-other', `a\r\nauthorization: ${right}`]],
    };
    for (const [what, fields] of Object.entries(attacks)) {
      it(`lets nobody in with ${what}`, async () => {
        socket.write(frame(HEADERS, END_STREAM | END_HEADERS, 1, block(...fields)));
        // A request of another connection, later, is answered: so this one has been read.
        const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
        const stream = client.request({ ':path': '/' });
        await once(stream.resume(), 'end');
        client.close();
        assert.deepEqual(
          results.filter((result) => result !== null),
          [],
        );
        assert.equal(proxy.log.length, 0);
      });
    }

    it('goes on after streams that are reset at once', async () => {
      const whole = block(['authorization', right]);
      for (let stream = 1; stream < 41; stream += 2) {
        socket.write(frame(HEADERS, END_STREAM | END_HEADERS, stream, whole));
        socket.write(frame(RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 8])));
      }
      await using web = await Web.start(auth, { tls: false });
      assert.equal(await web.status(right), 200);
    });
  });
});
