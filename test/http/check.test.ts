// kpass/http on servers that answer themselves, behind other handlers, and over HTTP/2.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type http from 'node:http';
import type { IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { KpassError } from 'kpass';
import type { BasicAuth, RequestError } from 'kpass/http';
import { CHALLENGE, HttpFixture, published, RIGHT, WRONG } from '../support/http-fixture';
import { certificate, Web } from '../support/web';

describe('kpass/http', () => {
  const fixture = new HttpFixture();

  describe('check()', () => {
    /** The outcome of check() for a request, on a server that answers itself. */
    async function checked(
      auth: BasicAuth,
      authorization: string | undefined,
      tls = true,
    ): Promise<{ value?: unknown; error?: RequestError; request: IncomingMessage }> {
      let result: Awaited<ReturnType<typeof checked>> | undefined;
      const alone = Object.assign(
        async (request: IncomingMessage, response: http.ServerResponse) => {
          result = await auth.check(request).then(
            (value) => ({ value, request }),
            (error) => ({ error, request }),
          );
          assert.equal(response.headersSent, false);
          response.writeHead(204).end();
        },
        {
          check: auth.check,
          verify: auth.verify,
          changePassword: auth.changePassword,
          headers: auth.headers,
          close: auth.close,
        },
      );
      await using web = await Web.start(alone as unknown as BasicAuth, { tls });
      await published(async () => assert.equal(await web.status(authorization), 204));
      assert(result);
      return result;
    }

    it('resolves with the user, and sets it on the request', async () => {
      const { value, request } = await checked(fixture.authFor(), RIGHT);
      const principal = 'alice@EXAMPLE.COM';
      assert.deepEqual(value, { user: 'alice', principal, realm: 'EXAMPLE.COM', scheme: 'Basic' });
      assert.equal(request.kpass, value);
    });

    it('resolves with null for missing, malformed and denied credentials', async () => {
      for (const header of [undefined, 'Basic', WRONG]) {
        const { value, request } = await checked(fixture.authFor(), header);
        assert.equal(value, null);
        assert.equal(request.kpass, undefined);
      }
    });

    it('rejects without a verdict, with the parts of the answer and nothing more', async () => {
      const { error } = await checked(fixture.authFor({ keytab: '/nonexistent/keytab' }), RIGHT);
      assert(error instanceof KpassError);
      assert.equal(error.code, 'ERR_KPASS_KEYTAB');
      assert.equal(error.statusCode, 500);
      assert.deepEqual(error.headers, {});
      assert.doesNotMatch(`${error} ${error.stack} ${JSON.stringify(error)}`, /nonexistent|alice/);
      // Express shows stacks in development: this one names no place in the server.
      assert.equal(error.stack, 'RequestError: Something is wrong on this server.');
      assert.match((error.cause as Error).message, /nonexistent/);
    });

    it('rejects with 503 and Retry-After', async () => {
      await fixture.proxy.use({ error: 29 });
      const { error } = await checked(fixture.authFor({ timeout: 300 }), RIGHT);
      assert.equal(error?.statusCode, 503);
      assert.deepEqual(error?.headers, { 'Retry-After': '5' });
    });

    it('rejects without TLS, because the server would challenge for null', async () => {
      for (const header of [undefined, RIGHT]) {
        const { error } = await checked(fixture.authFor(), header, false);
        assert(error instanceof KpassError);
        assert.equal(error.statusCode, 403);
        assert.equal(error.step, 'secure');
      }
      assert.equal(fixture.proxy.log.length, 0);
    });

    it('rejects for an argument that is not a request', async () => {
      const auth = fixture.authFor({ secure: () => true });
      const messages = await published(async () => {
        await assert.rejects(auth.check({} as never), { code: 'ERR_KPASS_INTERNAL' });
        await assert.rejects(auth.check(null as never), { code: 'ERR_KPASS_INTERNAL' });
      });
      assert.equal(messages.length, 2);
    });
  });

  it('gives each request an identity of its own, which a handler may change', async () => {
    const seen: unknown[] = [];
    const handler: http.RequestListener = (request, response) => {
      seen.push({ ...request.kpass });
      if (request.kpass) request.kpass.user = 'root';
      response.end();
    };
    await using web = await Web.start(fixture.authFor(), { handler });
    for (let i = 0; i < 3; i++) await web.get(RIGHT);
    const alice = {
      user: 'alice',
      principal: 'alice@EXAMPLE.COM',
      realm: 'EXAMPLE.COM',
      scheme: 'Basic',
    };
    assert.deepEqual(seen, [alice, alice, alice]);
  });

  it('does not touch an answer that another handler has begun', async () => {
    const auth = fixture.authFor();
    const early = (request: IncomingMessage, response: http.ServerResponse) => {
      response.write('early');
      auth(request, response, () => response.end('let in'));
      setTimeout(() => response.end(', and late'), 50);
    };
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      await using web = await Web.start(Object.assign(early, auth) as BasicAuth);
      const { status, body } = await web.get(); // kpass/http would answer 401 within the same tick
      assert.equal(status, 200);
      assert.equal(body, 'early, and late');
    } finally {
      process.off('unhandledRejection', note);
    }
    assert.deepEqual(unhandled, []);
  });

  describe('over HTTP/2', () => {
    type Listener = (
      request: http2.Http2ServerRequest,
      response: http2.Http2ServerResponse,
    ) => void;
    const listener = (auth: BasicAuth): Listener => {
      return (request, response) => {
        const [req, res] = [request, response] as unknown as Parameters<BasicAuth>;
        auth(req, res, () => response.end(JSON.stringify(req.kpass)));
      };
    };

    /** A server's answers to requests with these headers, in one session. */
    async function answersOf(
      server: http2.Http2Server,
      options: http2.SecureClientSessionOptions,
      requests: http2.OutgoingHttpHeaders[],
    ): Promise<{ headers: http2.IncomingHttpHeaders; body: string }[]> {
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const scheme = options.ca === undefined ? 'http' : 'https';
      const client = http2.connect(`${scheme}://127.0.0.1:${port}`, options);
      try {
        const answers = [];
        for (const sent of requests) {
          const stream = client.request(sent);
          const [headers = {}]: http2.IncomingHttpHeaders[] = await once(stream, 'response');
          answers.push({ headers, body: await text(stream) });
        }
        return answers;
      } finally {
        client.close();
        server.close();
      }
    }

    it('challenges, and lets in', async () => {
      const { key, cert } = await certificate();
      const server = http2.createSecureServer({ key, cert }, listener(fixture.authFor()));
      const trust = { ca: cert, servername: 'localhost' };
      const requests = [{}, { authorization: RIGHT }];
      const [challenged, welcome] = await answersOf(server, trust, requests);
      assert.equal(challenged?.headers[':status'], 401);
      assert.equal(challenged?.headers['www-authenticate'], CHALLENGE);
      assert.equal(welcome?.headers[':status'], 200);
      assert.equal(JSON.parse(welcome?.body ?? '').principal, 'alice@EXAMPLE.COM');
    });

    it('answers 403 without TLS', async () => {
      const server = http2.createServer(listener(fixture.authFor()));
      const [forbidden] = await answersOf(server, {}, [{ authorization: RIGHT }]);
      assert.equal(forbidden?.headers[':status'], 403);
      assert.equal(forbidden?.headers['www-authenticate'], undefined);
      assert.equal(fixture.proxy.log.length, 0);
    });
  });
});
