// Real clients log in by ticket: curl, Chromium, python-gssapi and the client of npm's kerberos.
// scripts/clients has Firefox and Java.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { Chromium } from '../support/chromium';
import { answerDialogue } from '../support/dialogue';
import { HttpFixture, USERS } from '../support/http-fixture';
import { type Initiation, initiate } from '../support/initiator';
import { certificate, page, Web } from '../support/web';

const run = promisify(execFile);
const KB_200 = 200 * 1024;

describe('a login by ticket', function () {
  this.timeout(60_000);
  const fixture = new HttpFixture();
  let folder: string;
  let ca: string;
  let web: Web;
  /** The connections that the requests came over. */
  let connections: Set<unknown>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kpass-clients-'));
    ca = join(folder, 'certificate.pem');
    await writeFile(ca, (await certificate()).cert);
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(async () => {
    connections = new Set();
    web = await Web.start(fixture.kerberosFor(), { handler: seen });
  });
  afterEach(() => web.stop());

  const seen: RequestListener = async (request, response) => {
    connections.add(request.socket);
    response.setHeader('X-Body', (await buffer(request)).length);
    page(request, response);
  };

  describe('of curl', () => {
    interface Said {
      /** Of each answer, refusals included. */
      statuses: string[];
      /** The users and schemes in the bodies. */
      users: string[];
      headers: string;
    }

    /** Without `cache`, the user has no ticket. */
    async function curl(port: number, cache: string | null, ...args: string[]): Promise<Said> {
      const fixed = ['--silent', '--show-error', '--include', '--cacert', ca];
      const where = ['--resolve', `localhost:${port}:127.0.0.1`];
      const env = {
        ...process.env,
        KRB5_CONFIG: fixture.realm.config,
        KRB5CCNAME: `FILE:${cache ?? join(folder, 'nonexistent')}`,
        HOME: folder,
      };
      const { stdout } = await run('curl', [...fixed, ...where, ...args], { env });
      return {
        statuses: [...stdout.matchAll(/^HTTP\/\S+ (\d+)/gm)].map(([, status]) => `${status}`),
        users: [...stdout.matchAll(/"user":"(\w+)".*"scheme":"(\w+)"/g)].map(
          (m) => `${m[1]} ${m[2]}`,
        ),
        headers: stdout,
      };
    }
    const BY_TICKET = ['--negotiate', '--user', ':'];
    const BY_PASSWORD = ['--user', `alice:${USERS.alice}`];
    const url = (path = '') => `https://localhost:${web.port}/${path}`;

    it('with a ticket: in at the first request', async () => {
      const said = await curl(web.port, await fixture.realm.ticket('alice'), ...BY_TICKET, url());
      assert.deepEqual(said.statuses, ['200']);
      assert.deepEqual(said.users, ['alice Negotiate']);
    });

    it('without one: 401, and no more', async () => {
      const { statuses, users } = await curl(web.port, null, ...BY_TICKET, url());
      assert.deepEqual([statuses.at(-1), users], ['401', []]);
    });

    it('with a password instead', async () => {
      const { users } = await curl(web.port, null, ...BY_PASSWORD, url());
      assert.deepEqual(users, ['alice Basic']);
    });

    it('for three pages over one connection: each has a token of its own', async () => {
      const cache = await fixture.realm.ticket('alice');
      const { users } = await curl(web.port, cache, ...BY_TICKET, url('1'), url('2'), url('3'));
      assert.deepEqual(users, Array(3).fill('alice Negotiate'));
      assert.equal(connections.size, 1);
    });

    it('with a form of 200 kB', async () => {
      const file = join(folder, 'form');
      await writeFile(file, Buffer.alloc(KB_200, 'x'));
      const cache = await fixture.realm.ticket('alice');
      const { users, headers } = await curl(
        web.port,
        cache,
        ...BY_TICKET,
        '--data-binary',
        `@${file}`,
        url(),
      );
      assert.deepEqual(users, ['alice Negotiate']);
      assert.match(headers, new RegExp(`^x-body: ${KB_200}\r$`, 'im'));
    });

    for (const allowHTTP1 of [true, false]) {
      const beside = allowHTTP1 ? 'with HTTP/1.1' : 'alone';
      it(`over HTTP/2 ${beside}, where only a password is asked for`, async () => {
        const auth = fixture.kerberosFor();
        const options = { ...(await certificate()), allowHTTP1 };
        const server = http2.createSecureServer(options, (request, response) =>
          auth(request as never, response as never, () =>
            page(request as never, response as never),
          ),
        );
        await once(server.listen(0, '127.0.0.1'), 'listening');
        try {
          const { port } = server.address() as AddressInfo;
          const where = `https://localhost:${port}/`;
          const cache = await fixture.realm.ticket('alice');
          const asked = await curl(port, null, ...BY_TICKET, '--http2', where);
          assert.match(asked.headers, /^HTTP\/2 401/);
          assert.doesNotMatch(asked.headers, /negotiate/i);
          // curl sends its ticket unasked. A ticket is a login over HTTP/2 as well.
          const sent = await curl(port, cache, ...BY_TICKET, '--http2', where);
          assert.match(sent.headers, /^HTTP\/2 200/m);
          assert.deepEqual(sent.users, ['alice Negotiate']);
          const { users, headers } = await curl(port, null, ...BY_PASSWORD, '--http2', where);
          assert.match(headers, /^HTTP\/2 200/);
          assert.deepEqual(users, ['alice Basic']);
        } finally {
          server.close();
        }
      });
    }
  });

  describe('of Chromium', () => {
    async function visit(cache: string): Promise<[status: number, scheme: string, asked: number]> {
      const { config } = fixture.realm;
      await using chromium = await Chromium.startWithTickets([ca], { config, cache });
      const opened = await chromium.open();
      const asked = await answerDialogue(opened, { username: 'alice', password: USERS.alice });
      const response = await opened.goto(`https://localhost:${web.port}/`);
      const { user, scheme } = JSON.parse(await opened.innerText('body'));
      assert.equal(user, 'alice');
      return [response?.status() ?? 0, scheme, asked.length];
    }

    it('with a ticket: in, and no dialogue', async () => {
      const cache = await fixture.realm.ticket('alice');
      assert.deepEqual(await visit(cache), [200, 'Negotiate', 0]);
    });

    it("without one: in by the password, in one dialogue of Basic's", async () => {
      assert.deepEqual(await visit(join(folder, 'nonexistent')), [200, 'Basic', 1]);
    });
  });

  describe('of python-gssapi', () => {
    /** The channel, as a client sees it: RFC 5929, 4. */
    async function channelOf(port: number): Promise<Buffer> {
      const { cert } = await certificate();
      const socket = tls.connect({ port, host: '127.0.0.1', ca: cert, servername: 'localhost' });
      await once(socket, 'secureConnect');
      const { raw } = socket.getPeerCertificate();
      socket.destroy();
      const hash = createHash('sha256').update(raw).digest();
      return Buffer.concat([Buffer.from('tls-server-end-point:'), hash]);
    }

    for (const rule of ['allow', 'require'] as const) {
      it(`bound to the connection, to another, and to none, where the rule is '${rule}'`, async () => {
        const auth = fixture.kerberosFor({ negotiate: { bindings: rule } });
        await using bound = await Web.start(auth);
        const here = await channelOf(bound.port);
        const ends: Record<string, string> = {};
        const clients = { here, elsewhere: Buffer.from('elsewhere'), none: undefined };
        for (const [name, bindings] of Object.entries(clients)) {
          ends[name] = await logIn(bound, bindings === undefined ? {} : { bindings });
        }
        const none = rule === 'allow' ? 'complete' : '401';
        assert.deepEqual(ends, { here: 'complete', elsewhere: '401', none });
      });
    }
  });

  describe("of npm's kerberos", () => {
    for (const form of ['spnego', 'kerberos'] as const) {
      it(`in the form ${form}: it believes the server's proof`, async () => {
        assert.equal(await logIn(web, { client: 'npm kerberos', form }), 'complete');
      });
    }
  });

  /** 'complete', if the client believes the answer; or the status of the refusal. */
  async function logIn(to: Web, options: Initiation): Promise<string> {
    let refusal = '';
    const end = await initiate(
      fixture.realm,
      'alice',
      async (token) => {
        const answer = await to.get(`Negotiate ${token.toString('base64')}`);
        if (answer.status !== 200) refusal = `${answer.status}`;
        const reply = /^Negotiate (\S+)$/.exec(answer.challenges[0] ?? '')?.[1];
        return Buffer.from(reply ?? '', 'base64');
      },
      options,
    );
    return refusal || end;
  }
});
