// kpass/http, over real TLS and against real KDCs: who gets in, who does not, and what is said to
// them. What it remembers is in cache.test.ts, its throttle in throttle.test.ts.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { KpassError } from 'kpass';
import {
  type BasicAuth,
  type BasicAuthOptions,
  basicAuth,
  type ErrorMessage,
  type RequestError,
} from 'kpass/http';
import { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { FaultProxy } from '../support/fault-proxy';
import { optionsFor, SERVICE } from '../support/subject';
import { type Answer, base64, basic, certificate, Web } from '../support/web';

const TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const VALUE = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };

const CHALLENGE = 'Basic realm="the staff", charset="UTF-8"';

const users = {
  alice: 'wonderland',
  colonel: 'a:b::c:',
  müller: 'straße',
  zoë: 'пароль 密码 🔑',
  'alice/admin': 'looking glass',
  tab: 'a\tb',
  del: 'a\x7fb',
};

const wrong: Record<string, string> = {
  'a wrong password': basic('alice', 'looking-glass'),
  'an unknown user': basic('mallory', 'wonderland'),
  'a user of another realm': basic('alice@EVIL.EXAMPLE', 'wonderland'),
  'an empty password': basic('alice', ''),
  'an empty name': basic('', 'wonderland'),
  'a password cut at its second colon': basic('colonel', 'a:b'),
  'a password in another normalization': basic('zoe\u0308', users.zoë),
  'a password of 2,000 bytes': basic('alice', 'x'.repeat(2_000)),
  'a user whose password must be changed': basic('expiredpassword', 'wonderland'),
  'a user whose account is disabled': basic('disabled', 'wonderland'),
  'a user whose account has expired': basic('expired', 'wonderland'),
};

const right = basic('alice', users.alice);
const token = base64(`alice:${users.alice}`);

const malformed: Record<string, string | readonly string[]> = {
  'a header that is empty': '',
  'a scheme alone': 'Basic',
  'a scheme and a space': 'Basic ',
  'another scheme': `Bearer ${token}`,
  'another scheme that begins alike': `Basically ${token}`,
  'another scheme that ends alike': `NotBasic ${token}`,
  'no scheme': token,
  'a tab for the space': `Basic\t${token}`,
  'no base64': 'Basic alice:wonderland',
  'base64 with garbage in it': `Basic *${token}`,
  'base64 with garbage after it': `Basic ${token}!`,
  'base64 in two words': `Basic ${base64('alice:')} ${base64('wonderland')}`,
  'base64 with a space in it': `Basic ${token.slice(0, 8)} ${token.slice(8)}`,
  'base64 without its padding': `Basic ${token.replace(/=+$/, '')}`,
  'base64 with too much padding': `Basic ${token}=`,
  'base64 with unused bits that are set': `Basic ${token.replace(/A==$/, 'B==')}`,
  base64url: `Basic ${Buffer.from('alice:wonderland>>>???').toString('base64url')}`,
  'no colon': `Basic ${base64('alice')}`,
  'Latin-1': `Basic ${base64(Buffer.from('müller:straße', 'latin1'))}`,
  'Latin-1 in the name alone': `Basic ${base64(Buffer.from('müller:x', 'latin1'))}`,
  'UTF-8 cut in the middle': `Basic ${base64(Buffer.from('zoë:пароль').subarray(0, -1))}`,
  'UTF-16': `Basic ${base64(Buffer.from('alice:wonderland', 'utf16le'))}`,
  'a NUL after the password': basic('alice', 'wonderland\0'),
  'a tab in the password, though it is right': basic('tab', users.tab),
  'a DEL in the password, though it is right': basic('del', users.del),
  'a line break in the name': basic('alice\n', 'wonderland'),
  'two values in one field': `${right}, ${right}`,
  'a parameter behind it': `${right}, realm="the staff"`,
  'parameters, as Digest has them': 'Basic username="alice", password="wonderland"',
  'over 8 KB, though it is right': `Basic ${' '.repeat(8_192 - 'Basic '.length - token.length + 1)}${token}`,
  'the right header twice': [right, right],
  'a wrong header behind the right one': [right, wrong['a wrong password'] ?? ''],
  'another scheme behind the right one': [right, 'Bearer x'],
};

describe('kpass/http', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  before(async () => {
    realm = await Realm.start({ users });
    await realm.addUser('expiredpassword', 'wonderland', { state: 'password-expired' });
    await realm.addUser('expired', 'wonderland', { state: 'expired' });
    await realm.addUser('disabled', 'wonderland', { state: 'disabled' });
  });
  after(() => realm?.stop());
  // Each test has its own: what was abandoned in another one may still be sending.
  beforeEach(async () => {
    proxy = await FaultProxy.start(realm);
  });

  const open: BasicAuth[] = [];
  afterEach(async () => {
    for (const auth of open.splice(0)) auth.close();
    await proxy.stop();
  });
  /** It sees the realm through the proxy, which counts. */
  function authFor(more: Partial<BasicAuthOptions> = {}): BasicAuth {
    const config = proxy.config;
    const auth = basicAuth({ ...optionsFor(realm), config, realm: 'the staff', ...more });
    open.push(auth);
    return auth;
  }

  /** What is published while `run` is. */
  async function published(run: () => Promise<unknown>): Promise<ErrorMessage[]> {
    const messages: ErrorMessage[] = [];
    const note = (message: unknown) => messages.push(message as ErrorMessage);
    subscribe('kpass:error', note);
    try {
      await run();
    } finally {
      unsubscribe('kpass:error', note);
    }
    return messages;
  }

  function codesOf(messages: ErrorMessage[]): string[] {
    return messages.map(({ error }) => (error as KpassError).code);
  }

  function assertPlain({ headers, body }: Answer): void {
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(headers['content-length'], `${Buffer.byteLength(body)}`);
    const sent = `${JSON.stringify(headers)}${body}`;
    assert.doesNotMatch(sent, /krb5|KDC|keytab|ERR_|EXAMPLE|alice|wonder|error|at \S+:\d+/i);
  }

  function assertChallenged(answer: Answer, challenge = CHALLENGE): void {
    assert.equal(answer.status, 401);
    assert.equal(answer.headers['www-authenticate'], challenge);
    assert.equal(answer.body, 'A user name and a password, please.\n');
    assertPlain(answer);
  }

  describe('lets in', () => {
    let web: Web;
    before(async () => {
      web = await Web.start(basicAuth({ ...optionsFor(realm), realm: 'the staff' }));
    });
    after(() => web?.stop());

    for (const [user, password] of Object.entries(users)) {
      if (user === 'tab' || user === 'del') continue;
      it(`${user}, password ${password}, and says who that is`, async () => {
        const { status, body } = await web.get(basic(user, password));
        assert.equal(status, 200);
        const principal = `${user}@EXAMPLE.COM`;
        assert.deepEqual(JSON.parse(body), { user, principal, realm: 'EXAMPLE.COM' });
      });
    }

    it('a user who names the realm, and calls them by the ticket', async () => {
      const { body } = await web.get(basic('alice@EXAMPLE.COM', users.alice));
      const principal = 'alice@EXAMPLE.COM';
      assert.deepEqual(JSON.parse(body), { user: 'alice', principal, realm: 'EXAMPLE.COM' });
    });

    it('whatever the case of the scheme', async () => {
      for (const scheme of ['basic', 'BASIC', 'bAsIc']) {
        assert.equal(await web.status(`${scheme} ${token}`), 200, scheme);
      }
    });

    it('with more than one space before the credentials', async () => {
      assert.equal(await web.status(`Basic   ${token}`), 200);
    });

    it('with a header of 8 KB', async () => {
      const spaces = ' '.repeat(8_192 - 'Basic'.length - token.length);
      assert.equal(await web.status(`Basic${spaces}${token}`), 200);
    });
  });

  describe('answers 401, with a challenge and no reason', () => {
    it('to no credentials', async () => {
      await using web = await Web.start(authFor());
      assertChallenged(await web.get());
    });

    for (const [name, header] of Object.entries(wrong)) {
      it(`to ${name}`, async () => {
        const auth = authFor();
        await using fresh = await Web.start(auth);
        const messages = await published(async () => assertChallenged(await fresh.get(header)));
        assert.deepEqual(messages, []);
      });
    }

    it("to a user whom the KDC's policy refuses", async () => {
      await using fresh = await Web.start(authFor());
      await proxy.use({ error: 12 });
      assertChallenged(await fresh.get(right));
      assert(proxy.log.length > 0);
    });

    for (const [name, header] of Object.entries(malformed)) {
      it(`to ${name}; no message leaves, none for the operator`, async () => {
        await using fresh = await Web.start(authFor());
        const messages = await published(async () => assertChallenged(await fresh.get(header)));
        assert.deepEqual(messages, []);
        assert.equal(proxy.log.length, 0);
      });
    }

    it('to the right header twice, where the server joins them', async () => {
      const server = { joinDuplicateHeaders: true };
      await using fresh = await Web.start(authFor(), { server });
      assertChallenged(await fresh.get([right, right]));
      assert.equal(await fresh.status(right), 200);
    });

    it('with the realm quoted', async () => {
      await using fresh = await Web.start(authFor({ realm: 'say "a\\b" ~' }));
      assertChallenged(await fresh.get(), 'Basic realm="say \\"a\\\\b\\" ~", charset="UTF-8"');
    });

    it('to HEAD, without the body', async () => {
      await using plain = await Web.start(authFor({ secure: () => true }), { tls: false });
      const request = http.request({ host: '127.0.0.1', port: plain.port, method: 'HEAD' });
      request.end();
      const [response]: IncomingMessage[] = await once(request, 'response');
      assert(response);
      assert.equal(response.statusCode, 401);
      assert.equal(response.headers['www-authenticate'], CHALLENGE);
      assert.equal(await text(response), '');
    });
  });

  describe('answers 403, without a challenge, and does not look at the credentials', () => {
    async function assertForbidden(web: Web, headers = {}): Promise<void> {
      for (const authorization of [undefined, right, wrong['a wrong password']]) {
        const answer = await web.get(authorization, headers);
        assert.equal(answer.status, 403);
        assert.equal(answer.headers['www-authenticate'], undefined);
        assert.equal(answer.body, 'This needs a secure connection: use https.\n');
        assertPlain(answer);
      }
      assert.equal(proxy.log.length, 0);
    }

    it('over plain HTTP', async () => {
      await using web = await Web.start(authFor(), { tls: false });
      await assertForbidden(web);
    });

    it('over plain HTTP whatever a client says of itself', async () => {
      await using web = await Web.start(authFor(), { tls: false });
      await assertForbidden(web, { 'x-forwarded-proto': 'https', forwarded: 'proto=https' });
    });

    it('where `secure` says no, TLS or not', async () => {
      await using web = await Web.start(authFor({ secure: () => false }));
      await assertForbidden(web);
    });

    for (const [what, value] of Object.entries({
      'a word': 'yes',
      'a number': 1,
      'a promise': Promise.resolve(true),
      nothing: undefined,
    })) {
      it(`where \`secure\` gives ${what}, not true`, async () => {
        await using web = await Web.start(authFor({ secure: (() => value) as never }));
        await assertForbidden(web);
      });
    }

    it('where `secure` throws, which the operator is told', async () => {
      const thrown = new Error('no such header');
      const secure = () => {
        throw thrown;
      };
      await using web = await Web.start(authFor({ secure }));
      const messages = await published(() => assertForbidden(web));
      assert.equal(messages.length, 3);
      assert.equal(messages[0]?.error, thrown);
    });

    it('even to who was let in before, over TLS', async () => {
      const auth = authFor();
      await using tls = await Web.start(auth);
      await using plain = await Web.start(auth, { tls: false });
      assert.equal(await tls.status(right), 200);
      proxy.reset();
      await assertForbidden(plain);
    });

    it('and warns whoever runs the server, once', async () => {
      const { code, stderr } = await runProgram(
        realm,
        `const { basicAuth } = require('kpass/http');
        const auth = basicAuth({ ...options, realm: 'x' });
        const request = { headers: { authorization: 'Basic ' + btoa('alice:wonderland') } };
        (async () => {
          for (let i = 0; i < 3; i++) await auth.check(request).catch(() => {});
        })();`,
      );
      assert.equal(code, 0, stderr);
      assert.equal(stderr.match(/\[KPASS_INSECURE\] KpassWarning: /g)?.length, 1, stderr);
      assert.match(stderr, /Where a proxy ends TLS, the option `secure` must say/);
      assert.doesNotMatch(stderr, /wonderland/);
    });

    it('unless `secure` says that a proxy came over TLS', async () => {
      const secure = ({ headers }: IncomingMessage) => headers['x-forwarded-proto'] === 'https';
      await using web = await Web.start(authFor({ secure }), { tls: false });
      await assertForbidden(web, { 'x-forwarded-proto': 'http' });
      assert.equal(await web.status(right, { 'x-forwarded-proto': 'https' }), 200);
    });
  });

  describe('when passwords cannot be verified', () => {
    interface Failure {
      what: string;
      status: 500 | 503;
      code: string;
      options?: () => Partial<BasicAuthOptions>;
      arrange?: () => Promise<unknown>;
      restore?: () => Promise<unknown>;
      /** Instead of alice's. */
      password?: string;
    }

    const CHOSEN = 'chosen by the impostor';
    let impostor: Realm;
    before(async () => {
      impostor = await realm.impostor({ users: { alice: CHOSEN } });
    });
    after(() => impostor?.stop());

    const failures: Failure[] = [
      {
        what: 'no KDC listens',
        status: 503,
        code: 'ERR_KPASS_KDC',
        options: () => ({ config: realm.config }),
        arrange: () => realm.stopKdc(),
        restore: () => realm.startKdc(),
      },
      {
        what: 'the KDC is silent',
        status: 503,
        code: 'ERR_KPASS_TIMEOUT',
        options: () => ({ timeout: 300 }),
        arrange: () => proxy.use('silent'),
      },
      {
        what: 'there is no keytab',
        status: 500,
        code: 'ERR_KPASS_KEYTAB',
        options: () => ({ keytab: '/nonexistent/keytab' }),
      },
      {
        what: 'there is no krb5.conf',
        status: 500,
        code: 'ERR_KPASS_CONFIG',
        options: () => ({ config: '/nonexistent/krb5.conf' }),
      },
      {
        what: 'an impostor answers for the KDC',
        status: 500,
        code: 'ERR_KPASS_UNVERIFIED',
        options: () => ({ config: impostor.config }),
        password: CHOSEN,
      },
      {
        what: 'something happens that nobody knows',
        status: 500,
        code: 'ERR_KPASS_INTERNAL',
        arrange: () => proxy.use({ error: 120 }),
      },
    ];

    for (const { what, status, code, options, arrange, restore, password } of failures) {
      it(`because ${what}: ${status}, and the operator knows ${code}`, async () => {
        const auth = authFor(options?.());
        await using web = await Web.start(auth);
        await arrange?.();
        try {
          let answer: Answer | undefined;
          const messages = await published(async () => {
            answer = await web.get(basic('alice', password ?? users.alice));
          });
          assert(answer);
          assertFailed(answer, status);
          assert.equal(messages.length, 1);
          const [{ error, request } = { error: null }] = messages;
          assert(error instanceof KpassError);
          assert.equal(error.code, code);
          assert(request instanceof http.IncomingMessage);
          assert.equal(request.kpass, undefined);
          assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}`, /wonderland|chosen by/);
        } finally {
          await restore?.();
        }
      });
    }

    it('tells no password to who logs all that the operator is told', async () => {
      const authorization = basic('alice', 'wonderland');
      await using web = await Web.start(authFor({ keytab: '/nonexistent' }));
      const messages = await published(() => web.get(authorization));
      assert.equal(messages.length, 1);
      const logged = inspect(messages, { depth: 9 }) + JSON.stringify(messages);
      assert.match(logged, /ERR_KPASS_KEYTAB/);
      assert(!logged.includes(authorization.slice('Basic '.length)));
    });

    it('because all threads are busy: 503, and the operator knows ERR_KPASS_BUSY', async () => {
      await using web = await Web.start(authFor({ threads: 1, queue: 0, timeout: 2_000 }));
      await proxy.use('silent');
      const messages = await published(async () => {
        const answers = ['a', 'b', 'c'].map((password) => web.get(basic('alice', password)));
        for (const answer of await Promise.all(answers)) assertFailed(answer, 503);
      });
      assert.deepEqual(codesOf(messages).sort(), [
        'ERR_KPASS_BUSY',
        'ERR_KPASS_BUSY',
        'ERR_KPASS_TIMEOUT',
      ]);
    });

    it('because it is closed: 500, and the operator knows ERR_KPASS_CLOSED', async () => {
      const auth = authFor();
      await using web = await Web.start(auth);
      auth.close();
      const messages = await published(async () => assertFailed(await web.get(right), 500));
      assert.deepEqual(codesOf(messages), ['ERR_KPASS_CLOSED']);
    });

    function assertFailed(answer: Answer, status: 500 | 503): void {
      assert.equal(answer.status, status);
      assert.equal(answer.headers['www-authenticate'], undefined);
      assert.equal(answer.headers['retry-after'], status === 503 ? '5' : undefined);
      const bodies = {
        503: 'Passwords cannot be verified now. Try again later.\n',
        500: 'Something is wrong on this server.\n',
      };
      assert.equal(answer.body, bodies[status]);
      assertPlain(answer);
    }

    it('warns once for each kind of error where nobody subscribes', async () => {
      const { code, stderr } = await runProgram(
        realm,
        `const { basicAuth } = require('kpass/http');
        const { IncomingMessage } = require('node:http');
        const request = () => Object.assign(new IncomingMessage(null), { headers: {
          authorization: 'Basic ' + btoa('alice:wonderland') } });
        const secure = () => true;
        const none = basicAuth({ ...options, realm: 'x', secure, keytab: '/nonexistent/keytab' });
        const closed = basicAuth({ ...options, realm: 'x', secure });
        closed.close();
        (async () => {
          for (const auth of [none, none, closed, none]) await auth.check(request()).catch(() => {});
        })();`,
      );
      assert.equal(code, 0, stderr);
      assert.equal(stderr.match(/KpassWarning/g)?.length, 2, stderr);
      assert.match(stderr, /\[ERR_KPASS_KEYTAB\] KpassWarning: .*FILE:\/nonexistent\/keytab/);
      assert.match(stderr, /\[ERR_KPASS_CLOSED\] KpassWarning: /);
      assert.doesNotMatch(stderr, /wonderland/);
    });
  });

  describe('check()', () => {
    /** What check() comes to for a request, on a server that answers by itself. */
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
        { check: auth.check, headers: auth.headers, close: auth.close },
      );
      await using web = await Web.start(alone as BasicAuth, { tls });
      await published(async () => assert.equal(await web.status(authorization), 204));
      assert(result);
      return result;
    }

    it('gives who asks, and sets it', async () => {
      const { value, request } = await checked(authFor(), right);
      const principal = 'alice@EXAMPLE.COM';
      assert.deepEqual(value, { user: 'alice', principal, realm: 'EXAMPLE.COM' });
      assert.equal(request.kpass, value);
    });

    it('gives null for none, malformed and refused credentials', async () => {
      for (const header of [undefined, 'Basic', wrong['a wrong password']]) {
        const { value, request } = await checked(authFor(), header);
        assert.equal(value, null);
        assert.equal(request.kpass, undefined);
      }
    });

    it('rejects where nobody can know, with the answer to give and nothing more', async () => {
      const { error } = await checked(authFor({ keytab: '/nonexistent/keytab' }), right);
      assert(error instanceof KpassError);
      assert.equal(error.code, 'ERR_KPASS_KEYTAB');
      assert.equal(error.statusCode, 500);
      assert.deepEqual(error.headers, {});
      assert.doesNotMatch(`${error} ${error.stack} ${JSON.stringify(error)}`, /nonexistent|alice/);
      // Express shows a stack in development: there is none of this server's in it.
      assert.equal(error.stack, 'RequestError: Something is wrong on this server.');
      assert.match((error.cause as Error).message, /nonexistent/);
    });

    it('rejects with 503 and when to come again', async () => {
      await proxy.use({ error: 29 });
      const { error } = await checked(authFor({ timeout: 300 }), right);
      assert.equal(error?.statusCode, 503);
      assert.deepEqual(error?.headers, { 'Retry-After': '5' });
    });

    it('rejects, and gives no null that would be challenged, without TLS', async () => {
      for (const header of [undefined, right]) {
        const { error } = await checked(authFor(), header, false);
        assert(error instanceof KpassError);
        assert.equal(error.statusCode, 403);
        assert.equal(error.step, 'secure');
      }
      assert.equal(proxy.log.length, 0);
    });

    it('rejects for what is no request', async () => {
      const auth = authFor({ secure: () => true });
      const messages = await published(async () => {
        await assert.rejects(auth.check({} as never), { code: 'ERR_KPASS_INTERNAL' });
        await assert.rejects(auth.check(null as never), { code: 'ERR_KPASS_INTERNAL' });
      });
      assert.equal(messages.length, 2);
    });
  });

  it('gives each request an identity of its own, to change as it likes', async () => {
    const seen: unknown[] = [];
    const handler: http.RequestListener = (request, response) => {
      seen.push({ ...request.kpass });
      if (request.kpass) request.kpass.user = 'root';
      response.end();
    };
    await using web = await Web.start(authFor(), { handler });
    for (let i = 0; i < 3; i++) await web.get(right);
    const alice = { user: 'alice', principal: 'alice@EXAMPLE.COM', realm: 'EXAMPLE.COM' };
    assert.deepEqual(seen, [alice, alice, alice]);
  });

  it('leaves alone an answer that somebody else has begun', async () => {
    const auth = authFor();
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
      const { status, body } = await web.get(); // It has its 401 within the same tick.
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

    /** What a server answers to requests with these headers, in one session. */
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
      const server = http2.createSecureServer({ key, cert }, listener(authFor()));
      const trust = { ca: cert, servername: 'localhost' };
      const requests = [{}, { authorization: right }];
      const [challenged, welcome] = await answersOf(server, trust, requests);
      assert.equal(challenged?.headers[':status'], 401);
      assert.equal(challenged?.headers['www-authenticate'], CHALLENGE);
      assert.equal(welcome?.headers[':status'], 200);
      assert.equal(JSON.parse(welcome?.body ?? '').principal, 'alice@EXAMPLE.COM');
    });

    it('answers 403 without TLS', async () => {
      const server = http2.createServer(listener(authFor()));
      const [forbidden] = await answersOf(server, {}, [{ authorization: right }]);
      assert.equal(forbidden?.headers[':status'], 403);
      assert.equal(forbidden?.headers['www-authenticate'], undefined);
      assert.equal(proxy.log.length, 0);
    });
  });

  describe('options', () => {
    const good = { service: 'HTTP', host: 'localhost', keytab: SERVICE, realm: 'x' };
    const mistakes: [string, unknown, typeof TYPE][] = [
      ['none', undefined, TYPE],
      ['null', null, TYPE],
      ['no realm', { service: 'HTTP' }, TYPE],
      ['no service', { realm: 'x' }, TYPE],
      ['a number for the realm', { ...good, realm: 5 }, TYPE],
      ['an empty realm', { ...good, realm: '' }, VALUE],
      ['a line break in the realm', { ...good, realm: 'a\r\nSet-Cookie: b=c' }, VALUE],
      ['a tab in the realm', { ...good, realm: 'a\tb' }, VALUE],
      ['DEL in the realm', { ...good, realm: 'a\x7f' }, VALUE],
      ['NUL in the realm', { ...good, realm: 'a\0' }, VALUE],
      ['Latin-1 in the realm', { ...good, realm: 'Müller' }, VALUE],
      ['more than Latin-1 in the realm', { ...good, realm: '密码' }, VALUE],
      ['true for the cache', { ...good, cache: true }, TYPE],
      ['null for the cache', { ...good, cache: null }, TYPE],
      ['an array for the cache', { ...good, cache: [] }, TYPE],
      ['a string for cache.ttl', { ...good, cache: { ttl: '1' } }, TYPE],
      ['a negative cache.ttl', { ...good, cache: { ttl: -1 } }, VALUE],
      ['an endless cache.ttl', { ...good, cache: { ttl: Infinity } }, VALUE],
      ['a cache.denyTtl that is no number', { ...good, cache: { denyTtl: Number.NaN } }, VALUE],
      ['a cache.max of 0', { ...good, cache: { max: 0 } }, VALUE],
      ['an endless cache.max', { ...good, cache: { max: Infinity } }, VALUE],
      ['true for the throttle', { ...good, throttle: true }, TYPE],
      ['false for the throttle', { ...good, throttle: false }, TYPE],
      ['an empty throttle', { ...good, throttle: {} }, TYPE],
      ['no throttle.window', { ...good, throttle: { attempts: 3 } }, TYPE],
      ['no attempts', { ...good, throttle: { attempts: 0, window: 1 } }, VALUE],
      ['half an attempt', { ...good, throttle: { attempts: 0.5, window: 1 } }, VALUE],
      ['a throttle.window of 0', { ...good, throttle: { attempts: 3, window: 0 } }, VALUE],
      ['a boolean for `secure`', { ...good, secure: true }, TYPE],
      ['null for `secure`', { ...good, secure: null }, TYPE],
      ['a mistake in what a Verifier takes', { ...good, timeout: -1 }, VALUE],
    ];
    for (const [what, options, error] of mistakes) {
      it(`${error.code} for ${what}`, () => {
        assert.throws(() => basicAuth(options as never), error);
      });
    }

    it('may all be left out but the service and the realm', () => {
      basicAuth({ service: 'HTTP', realm: ' ~' }).close();
      const nothing = { cache: undefined, throttle: undefined, secure: undefined };
      basicAuth({ service: 'HTTP', realm: 'x', ...nothing }).close();
      basicAuth({ service: 'HTTP', realm: 'x', cache: { ttl: 0, denyTtl: 0, max: 1 } }).close();
    });
  });
});
