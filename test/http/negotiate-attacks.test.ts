// Negotiate under attack, and in the hands of servers that do strange things: bytes that no client sends,
// connections that many users share, pollution, clients that go away, floods, an end in the middle.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { type FileHandle, mkdtemp, open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls, { type TLSSocket } from 'node:tls';
import fastify from 'fastify';
import type { BasicAuth, KerberosAuthOptions } from 'kpass/http';
import type { Realm } from 'kpass/testing';
import { CHALLENGE, HttpFixture, published, RIGHT } from '../support/http-fixture';
import { SERVICE } from '../support/subject';
import { base64, certificate, page, Web } from '../support/web';

const PARALLEL = 64;
/** Two threads, and the queue behind them. */
const ROOM = 2 + 1024;

describe('Negotiate', function () {
  this.timeout(60_000);
  const fixture = new HttpFixture();
  const ticket = async (...args: Parameters<Realm['token']>) =>
    `Negotiate ${base64(await fixture.realm.token(...args))}`;
  const alice = () => ticket('alice', SERVICE);

  describe('on the wire', () => {
    /** The answers to these bytes over one TLS connection, which ends after the last of them. */
    async function answers(port: number, bytes: string): Promise<string[]> {
      const { cert } = await certificate();
      const socket = tls.connect({ port, host: '127.0.0.1', ca: cert, servername: 'localhost' });
      let read = '';
      socket.on('data', (chunk) => {
        read += chunk.toString('latin1');
      });
      socket.write(bytes, 'latin1');
      await once(socket, 'close');
      return read.split(/(?=HTTP\/1\.1 )/);
    }

    const head = (...lines: string[]) =>
      ['GET / HTTP/1.1', 'Host: localhost', ...lines, '', ''].join('\r\n');
    const last = (...lines: string[]) => head('Connection: close', ...lines);
    const statusOf = (answer = '') => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

    const attacks: Record<string, (token: string) => string[]> = {
      'the field twice': (token) => [`Authorization: ${token}`, `Authorization: ${token}`],
      'the field in two cases': (token) => [`Authorization: ${token}`, 'AUTHORIZATION: Basic eDp5'],
      'the token last': (token) => ['Authorization: Basic eDp5', `authorization: ${token}`],
      'an empty field and the token': (token) => ['Authorization:', `Authorization: ${token}`],
      'a token that is folded': (token) => [
        `Authorization: ${token.slice(0, 40)}`,
        ` ${token.slice(40)}`,
      ],
      'a blank before the colon': (token) => [`Authorization : ${token}`],
      'a field that another one holds': (token) => [`X-Other: a\rAuthorization: ${token}`],
      'a field of another name that ends alike': (token) => [`Proxy-Authorization: ${token}`],
      'a tab after the scheme': (token) => [`Authorization: ${token.replace(' ', '\t')}`],
      'a comma after the token': (token) => [`Authorization: ${token},`],
      'base64 in another alphabet': (token) => [
        `Authorization: Negotiate ${Buffer.from(token.slice(10), 'base64').toString('base64url')}-`,
      ],
      'a trailer': (token) => [
        'Transfer-Encoding: chunked',
        'Trailer: Authorization',
        '',
        '0',
        `Authorization: ${token}`,
      ],
    };
    for (const [what, lines] of Object.entries(attacks)) {
      it(`lets nobody in with ${what}`, async () => {
        await using web = await Web.start(fixture.kerberosFor());
        const token = await alice();
        const [answer] = await answers(web.port, last(...lines(token)));
        assert([400, 401].includes(statusOf(answer)), answer);
        // The token itself was good, and is still unused.
        assert.equal(await web.status(token), 200);
      });
    }

    it('lets nobody in with two fields that the server joins', async () => {
      const server = { joinDuplicateHeaders: true };
      await using web = await Web.start(fixture.kerberosFor(), { server });
      const token = await alice();
      const [answer] = await answers(
        web.port,
        last(`Authorization: ${token}`, `Authorization: ${token}`),
      );
      assert.equal(statusOf(answer), 401);
      assert.equal(await web.status(token), 200);
    });

    it('is of one request: the next one on the connection is nobody', async () => {
      await using web = await Web.start(fixture.kerberosFor());
      const [first, second, third] = await answers(
        web.port,
        head(`Authorization: ${await alice()}`) + head() + last(`Authorization: ${RIGHT}`),
      );
      assert.match(first ?? '', /"scheme":"Negotiate"/);
      assert.equal(statusOf(second), 401);
      assert.match(second ?? '', /^WWW-Authenticate: Negotiate\r$/m);
      assert.match(third ?? '', /"scheme":"Basic"/);
    });

    it('is of one user, whoever had the connection before', async () => {
      await fixture.realm.addUser('bob', 'builder');
      await using web = await Web.start(fixture.kerberosFor());
      const users = ['alice', 'bob', 'alice', 'bob'];
      const tokens = await Promise.all(users.map((user) => ticket(user, SERVICE)));
      const heads = tokens.map((token, i) => (i === 3 ? last : head)(`Authorization: ${token}`));
      const said = await answers(web.port, heads.join(''));
      assert.deepEqual(
        said.map((answer) => /"user":"(\w+)"/.exec(answer)?.[1]),
        users,
      );
    });
  });

  describe('binds to the certificate of this very connection', () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'kpass-certificates-'));
    });
    after(() => rmSync(folder, { recursive: true }));

    function make(...options: string[]): { key: Buffer; cert: Buffer } {
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
      const fixed = ['-x509', '-nodes', '-subj', '/CN=localhost', '-keyout', key, '-out', cert];
      execFileSync('openssl', ['req', ...fixed, ...options], { stdio: 'pipe' });
      return { key: readFileSync(key), cert: readFileSync(cert) };
    }
    const rsa = () => make('-newkey', 'rsa:2048', '-sha256');
    const ecdsa = () => make('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha384');

    const channel = (cert: Buffer, hash: string) =>
      Buffer.concat([
        Buffer.from('tls-server-end-point:'),
        createHash(hash).update(new X509Certificate(cert).raw).digest(),
      ]);

    /** The status for a client that is bound to `bindings`, over a connection with these options. */
    async function status(
      server: https.Server,
      options: tls.ConnectionOptions,
      bindings: Buffer,
    ): Promise<number> {
      const authorization = await ticket('alice', SERVICE, { bindings });
      const { port } = server.address() as AddressInfo;
      const request = https.get({
        host: '127.0.0.1',
        port,
        agent: false,
        rejectUnauthorized: false,
        headers: { authorization },
        ...options,
      });
      const [answer]: IncomingMessage[] = await once(request, 'response');
      answer?.resume();
      return answer?.statusCode ?? 0;
    }

    async function listen(options: https.ServerOptions): Promise<https.Server> {
      const auth = fixture.kerberosFor({ negotiate: { bindings: 'require' } });
      const server = https.createServer(options, (request, response) =>
        auth(request, response, () => page(request, response)),
      );
      await once(server.listen(0, '127.0.0.1'), 'listening');
      return server;
    }

    it('where the server has one for each kind of key', async () => {
      const [first, second] = [rsa(), ecdsa()];
      const server = await listen({
        key: [first.key, second.key],
        cert: [first.cert, second.cert],
        maxVersion: 'TLSv1.2',
      });
      try {
        const [one, other] = [channel(first.cert, 'sha256'), channel(second.cert, 'sha384')];
        const withRsa = { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' };
        const withEcdsa = { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' };
        assert.equal(await status(server, withRsa, one), 200);
        assert.equal(await status(server, withEcdsa, other), 200);
        assert.equal(await status(server, withRsa, other), 401);
        assert.equal(await status(server, withEcdsa, one), 401);
      } finally {
        server.close();
      }
    });

    it('where the server has one for each name', async () => {
      const [first, second] = [rsa(), ecdsa()];
      const server = await listen(first);
      server.addContext('other.example.com', second);
      try {
        const [one, other] = [channel(first.cert, 'sha256'), channel(second.cert, 'sha384')];
        const named = { servername: 'other.example.com' };
        assert.equal(await status(server, { servername: 'localhost' }, one), 200);
        assert.equal(await status(server, named, other), 200);
        assert.equal(await status(server, named, one), 401);
      } finally {
        server.close();
      }
    });
  });

  describe('of one request', () => {
    it('may be checked twice: in a middleware for all paths, and in one for some', async () => {
      const auth = fixture.kerberosFor();
      const twice = Object.assign(
        (...[request, response, next]: Parameters<BasicAuth>) =>
          auth(request, response, () => auth(request, response, next)),
        auth,
      );
      await using web = await Web.start(twice);
      const token = await alice();
      const { status, body, challenges } = await web.get(token);
      assert.deepEqual([status, JSON.parse(body).user], [200, 'alice']);
      assert.match(challenges.join(), /^Negotiate \S+$/);
      assert.equal(await web.status(token), 401, 'another request with it');
    });

    it('may be checked by two at once', async () => {
      const auth = fixture.kerberosFor();
      const request = requestWith({ authorization: await alice() });
      const [one, other] = await Promise.all([auth.check(request), auth.check(request)]);
      assert.equal(one?.principal, 'alice@EXAMPLE.COM');
      assert.deepEqual(one, other);
      assert.notEqual(one, other, 'each has its own');
    });

    it('is looked at again when its header is another one', async () => {
      const auth = fixture.kerberosFor();
      const headers = { authorization: await alice() };
      const request = requestWith(headers);
      assert.equal((await auth.check(request))?.user, 'alice');
      headers.authorization = 'Negotiate AAAA';
      assert.equal(await auth.check(request), null);
      assert.equal(request.kpass, undefined);
    });

    it('is not known any more after close()', async () => {
      const auth = fixture.kerberosFor();
      const request = requestWith({ authorization: await alice() });
      assert.equal((await auth.check(request))?.user, 'alice');
      auth.close();
      await published(() => assert.rejects(auth.check(request), { code: 'ERR_KPASS_CLOSED' }));
      assert.equal(request.kpass, undefined);
    });
  });

  describe('with a polluted Object.prototype', () => {
    const pollution: Record<string, unknown> = {
      authorization: 'Negotiate AAAA',
      httpVersion: '2.0',
      encrypted: true,
      socket: { encrypted: true },
      headers: {},
      rawHeaders: ['authorization', 'x', 'authorization', 'y'],
      getCertificate: () => ({ raw: Buffer.from([0x30, 0]) }),
      raw: Buffer.from([0x30, 0]),
      bindings: Buffer.from('polluted'),
      scheme: 'Basic',
      kpass: { user: 'mallory', principal: 'mallory@EXAMPLE.COM' },
      accepted: true,
      account: { user: 'mallory', principal: 'mallory@EXAMPLE.COM', realm: 'EXAMPLE.COM' },
    };
    for (const [name, value] of Object.entries(pollution)) {
      it(`by ${name}: the same user gets in, and nobody else`, async () => {
        const auth = fixture.kerberosFor();
        const token = await alice();
        const descriptor = { value, configurable: true, enumerable: false, writable: true };
        Object.defineProperty(Object.prototype, name, descriptor);
        try {
          const bare = requestWith({});
          const checks = [await auth.check(bare), bare.kpass, auth.headers(bare)];
          const good = await auth.check(requestWith({ authorization: token }));
          delete (Object.prototype as Record<string, unknown>)[name];
          assert.deepEqual(checks, [
            null,
            undefined,
            { 'WWW-Authenticate': ['Negotiate', CHALLENGE] },
          ]);
          assert.deepEqual([good?.user, good?.scheme], ['alice', 'Negotiate']);
        } finally {
          delete (Object.prototype as Record<string, unknown>)[name];
        }
      });
    }
  });

  it('of requests that a framework makes without a network', async () => {
    const auth = fixture.kerberosFor({ secure: () => true });
    const app = fastify();
    app.addHook('onRequest', async ({ raw }, reply) => {
      const identity = await auth.check(raw);
      reply.headers(auth.headers(raw));
      if (identity === null) await reply.code(401).send();
    });
    app.get('/', ({ raw }) => raw.kpass);
    const bare = await app.inject('/');
    assert.deepEqual(
      [bare.statusCode, bare.headers['www-authenticate']],
      [401, ['Negotiate', CHALLENGE]],
    );
    const authorization = await alice();
    const answer = await app.inject({ url: '/', headers: { authorization } });
    assert.deepEqual([answer.statusCode, answer.json().user], [200, 'alice']);
    await app.close();
  });

  describe('while the keytab keeps an accept waiting', () => {
    // A FIFO: its readers wait for as long as somebody has it open to write.
    let fifo: string;
    let writer: FileHandle;
    beforeEach(async () => {
      fifo = join(fixture.realm.folder, `fifo-${process.hrtime.bigint()}`);
      execFileSync('mkfifo', [fifo]);
      writer = await open(fifo, 'r+');
    });
    afterEach(() => writer.close());

    const waiting = (more: Partial<KerberosAuthOptions> = {}) =>
      fixture.kerberosFor({ keytab: fifo, timeout: 500, ...more });

    it('goes on after clients that went away', async () => {
      const auth = waiting();
      let checks = 0;
      const counted = Object.assign((...args: Parameters<BasicAuth>) => {
        checks++;
        auth(...args);
      }, auth);
      await using web = await Web.start(counted);
      const tokens = await Promise.all(Array.from({ length: 8 }, alice));
      const requests = tokens.map((token) => web.request(token));
      const gone = requests.map((request) => {
        request.on('error', () => {});
        return new Promise((resolve) => request.on('close', resolve));
      });
      while (checks < requests.length) await new Promise(setImmediate);
      for (const request of requests) request.destroy();
      await Promise.all(gone);
      const { status, headers } = await quietly(() => web.get(RIGHT.replace('Basic', 'Negotiate')));
      assert.deepEqual([status, headers['retry-after']], [503, '5']);
    });

    it('goes on after streams of HTTP/2 that were reset', async () => {
      const auth = waiting();
      let checks = 0;
      const server = http2.createSecureServer(await certificate(), (request, response) => {
        checks++;
        auth(request as never, response as never, () => response.end());
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const client = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
      try {
        for (let i = 0; i < 4; i++) {
          const stream = client.request({ authorization: await alice() });
          stream.on('error', () => {});
          while (checks <= i) await new Promise(setImmediate);
          stream.close(http2.constants.NGHTTP2_CANCEL);
        }
        const stream = client.request({ authorization: await alice() });
        const [answer] = await quietly(() => once(stream, 'response'));
        assert.equal(answer[':status'], 503);
      } finally {
        client.destroy();
        server.close();
      }
    });

    it('answers 503 at the deadline, also if closed meanwhile, and 500 from then on', async () => {
      const auth = waiting();
      await using web = await Web.start(auth);
      const pending = web.status(await alice());
      const request = requestWith({ authorization: await alice() });
      const check = auth.check(request);
      auth.close();
      const messages = await published(async () => {
        await assert.rejects(check, { code: 'ERR_KPASS_TIMEOUT', statusCode: 503 });
        assert([500, 503].includes(await pending));
        assert.equal(await web.status(await alice()), 500);
      });
      assert(messages.length >= 2);
    });

    it(`answers 503 to more than ${ROOM} at once, and still takes passwords`, async () => {
      const keytab = fixture.realm.keytab(SERVICE);
      const auth = waiting({ timeout: 5_000 });
      const others = fixture.kerberosFor({ keytab });
      const token = await alice();
      const requests = Array.from({ length: ROOM }, () => requestWith({ authorization: token }));
      await quietly(async () => {
        const pending = Promise.allSettled(requests.map((request) => auth.check(request)));
        await using web = await Web.start(auth);
        const { status, headers, challenges } = await web.get(token);
        assert.deepEqual([status, headers['retry-after'], challenges], [503, '5', []]);
        assert.equal((await others.check(requestWith({ authorization: RIGHT })))?.user, 'alice');
        for (const end of await pending) assert.equal(end.status, 'rejected');
      });
    });
  });

  it(`takes ${PARALLEL} tickets at once, each once`, async () => {
    await using web = await Web.start(fixture.kerberosFor());
    const tokens = await Promise.all(Array.from({ length: PARALLEL }, alice));
    const statuses = await Promise.all([...tokens, ...tokens].map((token) => web.status(token)));
    const count = (wanted: number) => statuses.filter((status) => status === wanted).length;
    assert.deepEqual([count(200), count(401)], [PARALLEL, PARALLEL]);
  });

  it('alone: close() ends the form too', async () => {
    const auth = fixture.kerberosFor({ schemes: ['Negotiate'] });
    assert.equal((await auth.verify('alice', 'wonderland')).verified, true);
    auth.close();
    await assert.rejects(auth.verify('alice', 'wonderland'), { code: 'ERR_KPASS_CLOSED' });
  });

  it('behind a proxy that shares one connection among its users', async () => {
    await fixture.realm.addUser('carol', 'carol');
    const secure = ({ headers }: IncomingMessage) => headers['x-forwarded-proto'] === 'https';
    await using web = await Web.start(fixture.kerberosFor({ secure }), { tls: false });
    const socket = net.connect(web.port, '127.0.0.1');
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk;
    });
    const send = (...lines: string[]) =>
      socket.write(['GET / HTTP/1.1', 'Host: localhost', ...lines, '', ''].join('\r\n'));
    const tokens = [await alice(), await ticket('carol', SERVICE), await alice()];
    send('X-Forwarded-Proto: https', `Authorization: ${tokens[0]}`);
    send('X-Forwarded-Proto: https', `Authorization: ${tokens[1]}`);
    send('X-Forwarded-Proto: https');
    send('X-Forwarded-Proto: http', `Authorization: ${tokens[2]}`, 'Connection: close');
    await once(socket, 'close');
    const said = read.split(/(?=HTTP\/1\.1 )/);
    assert.deepEqual(
      said.map((answer) => [answer.slice(9, 12), /"user":"(\w+)"/.exec(answer)?.[1]]),
      [
        ['200', 'alice'],
        ['200', 'carol'],
        ['401', undefined],
        ['403', undefined],
      ],
    );
    assert.equal(await web.status(tokens[2], { 'x-forwarded-proto': 'https' }), 200);
  });
});

/** A request made without a network, over a connection that says that it is TLS. */
function requestWith(headers: Record<string, string>): IncomingMessage {
  const socket = { encrypted: true } as TLSSocket;
  return { socket, headers } as unknown as IncomingMessage;
}

/** Without a warning of each error. */
async function quietly<T>(run: () => Promise<T>): Promise<T> {
  let result: T | undefined;
  await published(async () => {
    result = await run();
  });
  return result as T;
}
