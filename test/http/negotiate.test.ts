// kerberosAuth(): users who have a ticket, and all others.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { AcceptEvent, KpassError } from 'kpass';
import { type BasicAuth, basicAuth, type ErrorMessage, kerberosAuth } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { FLAGS, Forge, negotiateToken } from '../support/forge';
import { CHALLENGE, HttpFixture, published, RIGHT, WRONG } from '../support/http-fixture';
import { initiate } from '../support/initiator';
import { optionsFor, SERVICE } from '../support/subject';
import { base64, certificate, page, Web, type WebOptions } from '../support/web';

const BOTH = ['Negotiate', CHALLENGE];
const NTLM_MESSAGE = Buffer.concat([Buffer.from('NTLMSSP\0'), Buffer.alloc(32, 1)]);
const NTLM = '1.3.6.1.4.1.311.2.2.10';

/** RFC 4178, 4.2.2: accept-completed, with Kerberos. The client asked for no proof. */
const COMPLETED = 'Negotiate oRQwEqADCgEAoQsGCSqGSIb3EgECAg==';

const ALICE = {
  user: 'alice',
  principal: 'alice@EXAMPLE.COM',
  realm: 'EXAMPLE.COM',
  scheme: 'Negotiate',
};

describe('kerberosAuth()', function () {
  this.timeout(60_000);
  const fixture = new HttpFixture();
  const open: Web[] = [];
  const foreign: Realm[] = [];
  afterEach(async () => {
    for (const web of open.splice(0)) await web.stop();
  });
  after(async () => {
    for (const realm of foreign) await realm.stop();
  });

  async function webFor(auth: BasicAuth, options?: WebOptions): Promise<Web> {
    const web = await Web.start(auth, options);
    open.push(web);
    return web;
  }
  const token = (...args: Parameters<Realm['token']>) => fixture.realm.token(...args);
  const negotiate = (bytes: Uint8Array) => `Negotiate ${base64(bytes)}`;
  const ticket = async (...args: Parameters<Realm['token']>) => negotiate(await token(...args));

  async function channel(): Promise<Buffer> {
    const { cert } = await certificate();
    const fingerprint = new X509Certificate(cert).fingerprint256.replaceAll(':', '');
    return Buffer.concat([Buffer.from('tls-server-end-point:'), Buffer.from(fingerprint, 'hex')]);
  }

  /** The events of the channel kpass:accept during `run`. */
  async function accepts(run: () => Promise<unknown>): Promise<AcceptEvent[]> {
    const events: AcceptEvent[] = [];
    const note = (message: unknown) => events.push(message as AcceptEvent);
    subscribe('kpass:accept', note);
    try {
      await run();
    } finally {
      unsubscribe('kpass:accept', note);
    }
    return events;
  }

  describe('challenges', () => {
    it('for Negotiate and for Basic, in two header lines', async () => {
      const web = await webFor(fixture.kerberosFor());
      const { status, challenges } = await web.get();
      assert.deepEqual([status, challenges], [401, BOTH]);
    });

    it('in the headers for a server that answers itself: an array', async () => {
      const auth = fixture.kerberosFor();
      const request = requestWith();
      assert.deepEqual(auth.headers(request), { 'WWW-Authenticate': BOTH });
      assert.equal(await auth.check(request), null);
      assert.deepEqual(auth.headers(request), { 'WWW-Authenticate': BOTH });
    });

    it('for one scheme alone, if `schemes` says so', async () => {
      for (const [scheme, challenge] of [
        ['Basic', CHALLENGE],
        ['Negotiate', 'Negotiate'],
      ] as const) {
        const web = await webFor(fixture.kerberosFor({ schemes: [scheme] }));
        assert.deepEqual((await web.get()).challenges, [challenge]);
      }
    });

    it('for Negotiate first, whatever the order of `schemes`', async () => {
      const web = await webFor(fixture.kerberosFor({ schemes: ['Basic', 'Negotiate'] }));
      assert.deepEqual((await web.get()).challenges, BOTH);
    });

    it('for Basic alone where `when` does not say true', async () => {
      const asked: IncomingMessage[] = [];
      const faulty = () => {
        throw new Error('out of order');
      };
      const answers = [() => false, () => 1 as never, faulty];
      for (const when of answers) {
        const auth = fixture.kerberosFor({
          negotiate: {
            when: (request) => {
              asked.push(request);
              return when();
            },
          },
        });
        const web = await webFor(auth);
        const errors = await published(async () =>
          assert.deepEqual((await web.get()).challenges, [CHALLENGE]),
        );
        assert.equal(errors.length, when === faulty ? 1 : 0);
      }
      assert.equal(asked.length, answers.length);
      assert.equal(asked[0]?.url, '/');
    });

    it('for nothing where `challenge` says no, or over plain http', async () => {
      const quiet = await webFor(fixture.kerberosFor({ challenge: () => false }));
      assert.deepEqual((await quiet.get()).challenges, []);
      const plain = await webFor(fixture.kerberosFor(), { tls: false });
      const answer = await plain.get(await ticket('alice', SERVICE));
      assert.deepEqual([answer.status, answer.challenges], [403, []]);
    });

    it('for Basic alone over HTTP/2, and takes both schemes there', async () => {
      const auth = fixture.kerberosFor();
      const pair = await certificate();
      const server = http2.createSecureServer(pair, (request, response) =>
        auth(request as never, response as never, () => page(request as never, response as never)),
      );
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const client = http2.connect(`https://127.0.0.1:${port}`, {
        ca: pair.cert,
        servername: 'localhost',
      });
      const get = async (headers: http2.OutgoingHttpHeaders) => {
        const stream = client.request(headers);
        const [answer] = await once(stream, 'response');
        stream.resume();
        return [answer[':status'], answer['www-authenticate']];
      };
      try {
        assert.deepEqual(await get({}), [401, CHALLENGE]);
        const bindings = await channel();
        const authorization = await ticket('alice', SERVICE, { bindings });
        assert.deepEqual(await get({ authorization }), [200, COMPLETED]);
        assert.deepEqual(await get({ authorization: RIGHT }), [200, undefined]);
        const other = await ticket('alice', SERVICE, { bindings: Buffer.from('other') });
        assert.deepEqual(await get({ authorization: other }), [401, CHALLENGE]);
      } finally {
        client.destroy();
        server.close();
      }
    });

    it('for Basic alone to a Request of the Fetch API, and takes both schemes', async () => {
      const auth = fixture.kerberosFor({ secure: () => true });
      const bare = new Request('https://localhost/');
      assert.equal(await auth.check(bare), null);
      assert.deepEqual(auth.headers(bare), { 'WWW-Authenticate': CHALLENGE });
      const authorization = await ticket('alice', SERVICE);
      const request = new Request('https://localhost/', { headers: { authorization } });
      assert.deepEqual(await auth.check(request), ALICE);
    });
  });

  describe('lets in', () => {
    it('a user with a ticket, and asks no KDC', async () => {
      await using web = await Web.start(fixture.kerberosFor());
      const authorization = await ticket('alice', SERVICE);
      fixture.proxy.reset();
      const { status, body, challenges } = await web.get(authorization);
      assert.deepEqual([status, JSON.parse(body), challenges], [200, ALICE, [COMPLETED]]);
      assert.deepEqual(fixture.proxy.requests, { 'AS-REQ': 0, 'TGS-REQ': 0, other: 0 });
    });

    it('a user with a password', async () => {
      const web = await webFor(fixture.kerberosFor());
      const { status, body } = await web.get(RIGHT);
      assert.deepEqual([status, JSON.parse(body)], [200, { ...ALICE, scheme: 'Basic' }]);
    });

    it('a user of basicAuth() with the scheme Basic', async () => {
      const web = await webFor(fixture.authFor());
      assert.equal(JSON.parse((await web.get(RIGHT)).body).scheme, 'Basic');
    });

    it('a user with a ticket while no KDC answers', async () => {
      const auth = fixture.kerberosFor({ config: fixture.realm.config, timeout: 300 });
      const web = await webFor(auth);
      const authorization = await ticket('alice', SERVICE);
      await fixture.realm.pause();
      try {
        assert.equal(await web.status(authorization), 200);
        assert.equal(await web.status(RIGHT), 503);
      } finally {
        await fixture.realm.resume();
      }
    });

    it('the scheme in any case, and more than one blank after it', async () => {
      const web = await webFor(fixture.kerberosFor());
      for (const scheme of ['negotiate ', 'NEGOTIATE   ']) {
        const bytes = base64(await token('alice', SERVICE));
        assert.equal(await web.status(`${scheme}${bytes}`), 200, scheme);
      }
    });

    it('a token of Kerberos alone', async () => {
      const web = await webFor(fixture.kerberosFor());
      assert.equal(await web.status(await ticket('alice', SERVICE, { form: 'kerberos' })), 200);
    });
  });

  describe('proves itself to a client that asks', () => {
    for (const status of [200, 302, 404, 500]) {
      it(`with status ${status}`, async () => {
        const web = await webFor(fixture.kerberosFor(), {
          handler: (_, response) => response.writeHead(status, { Location: '/' }).end(),
        });
        const said = await initiate(fixture.realm, 'alice', async (bytes) => {
          const answer = await web.get(negotiate(bytes));
          assert.equal(answer.status, status);
          assert.equal(answer.challenges.length, 1);
          return Buffer.from(answer.challenges[0]?.replace(/^Negotiate /, '') ?? '', 'base64');
        });
        assert.equal(said, 'complete');
      });
    }

    it('in the headers for a server that answers itself', async () => {
      const auth = fixture.kerberosFor();
      const request = requestWith(await ticket('alice', SERVICE, { mutual: true }));
      assert.deepEqual(await auth.check(request), ALICE);
      const { 'WWW-Authenticate': reply, ...others } = auth.headers(request);
      assert.match(reply as string, /^Negotiate [A-Za-z0-9+/]+={0,2}$/);
      assert.deepEqual(others, {});
    });
  });

  describe('refuses, and asks for Basic alone afterwards,', () => {
    let forge: Forge;
    let other: Realm;
    before(async () => {
      forge = new Forge(fixture.realm, SERVICE);
      other = await Realm.start({ name: 'OTHER.TEST', users: { carol: 'carol' } });
      foreign.push(other);
    });

    const tokens: Record<string, () => Promise<string> | string> = {
      'a token of NTLM': () => negotiate(NTLM_MESSAGE),
      'SPNEGO that offers NTLM alone': () => negotiate(negotiateToken([NTLM], NTLM_MESSAGE)),
      'a token that is no token': () => negotiate(Buffer.from('hello')),
      'no token': () => 'Negotiate',
      'a blank for a token': () => 'Negotiate ',
      'what is no base64': () => 'Negotiate ####',
      'two tokens in one line': async () => {
        const one = await ticket('alice', SERVICE);
        return `${one}, ${one}`;
      },
      'parameters after the token': async () => `${await ticket('alice', SERVICE)} realm="x"`,
      "a ticket for another realm's service of that name": async () =>
        negotiate(await other.token('carol', SERVICE)),
      'a ticket without the checksum of GSS-API': async () =>
        negotiate(await forge.token({ authenticator: { checksum: undefined } })),
      'a ticket of nobody': async () =>
        negotiate(await forge.token({ flags: FLAGS.initial | FLAGS.anonymous })),
    };
    for (const [what, make] of Object.entries(tokens)) {
      it(what, async () => {
        const web = await webFor(fixture.kerberosFor());
        const authorization = await make();
        let answer: Awaited<ReturnType<Web['get']>> | undefined;
        const events = await accepts(async () => {
          answer = await web.get(authorization);
        });
        assert.deepEqual([answer?.status, answer?.challenges], [401, [CHALLENGE]]);
        assert.equal(events.length, 1);
        assert.equal(events[0]?.outcome, 'refused');
      });
    }

    it('a token that came before', async () => {
      const web = await webFor(fixture.kerberosFor());
      const authorization = await ticket('alice', SERVICE);
      assert.equal(await web.status(authorization), 200);
      const { status, challenges } = await web.get(authorization);
      assert.deepEqual([status, challenges], [401, [CHALLENGE]]);
    });

    it('two Authorization lines', async () => {
      const web = await webFor(fixture.kerberosFor());
      const { status, challenges } = await web.get([await ticket('alice', SERVICE), RIGHT]);
      assert.deepEqual([status, challenges], [401, [CHALLENGE]]);
    });

    it('a wrong password, and another scheme', async () => {
      const web = await webFor(fixture.kerberosFor());
      for (const authorization of [WRONG, 'Bearer x', 'Basic']) {
        const { status, challenges } = await web.get(authorization);
        assert.deepEqual([status, challenges], [401, [CHALLENGE]], authorization);
      }
    });

    it('with Negotiate alone: without a challenge', async () => {
      const web = await webFor(fixture.kerberosFor({ schemes: ['Negotiate'] }));
      for (const authorization of [negotiate(NTLM_MESSAGE), RIGHT]) {
        const { status, challenges } = await web.get(authorization);
        assert.deepEqual([status, challenges], [401, []]);
      }
    });

    it('a ticket where Basic is the only scheme', async () => {
      const web = await webFor(fixture.kerberosFor({ schemes: ['Basic'] }));
      assert.equal(await web.status(await ticket('alice', SERVICE)), 401);
    });
  });

  describe('the channel', () => {
    it('is this connection: a client bound to it is let in, one bound to another is not', async () => {
      const web = await webFor(fixture.kerberosFor());
      const here = await ticket('alice', SERVICE, { bindings: await channel() });
      const elsewhere = await ticket('alice', SERVICE, { bindings: Buffer.from('elsewhere') });
      assert.equal(await web.status(here), 200);
      assert.equal(await web.status(elsewhere), 401);
    });

    it('must be bound to with `require`', async () => {
      const web = await webFor(fixture.kerberosFor({ negotiate: { bindings: 'require' } }));
      assert.equal(await web.status(await ticket('alice', SERVICE)), 401);
      const here = await ticket('alice', SERVICE, { bindings: await channel() });
      assert.equal(await web.status(here), 200);
    });

    it('is not looked at with `off`', async () => {
      const web = await webFor(fixture.kerberosFor({ negotiate: { bindings: 'off' } }));
      const elsewhere = await ticket('alice', SERVICE, { bindings: Buffer.from('elsewhere') });
      assert.equal(await web.status(elsewhere), 200);
    });

    it("is unknown behind a proxy that ends TLS: the proxy's channel will do", async () => {
      const web = await webFor(fixture.kerberosFor({ secure: () => true }), { tls: false });
      const bindings = Buffer.from('tls-server-end-point:of the proxy');
      assert.equal(await web.status(await ticket('alice', SERVICE, { bindings })), 200);
    });
  });

  describe("an operator's fault is no refusal:", () => {
    const reasons = async (auth: BasicAuth) => {
      const web = await webFor(auth);
      let answer: Awaited<ReturnType<Web['get']>> | undefined;
      const errors = await published(async () => {
        answer = await web.get(await ticket('alice', SERVICE));
      });
      return [answer?.status, answer?.challenges, codeOf(errors[0])];
    };

    it('no keytab', async () => {
      const auth = fixture.kerberosFor({ keytab: '/nonexistent' });
      assert.deepEqual(await reasons(auth), [500, [], 'ERR_KPASS_KEYTAB']);
    });

    it('no krb5.conf', async () => {
      const auth = fixture.kerberosFor({ config: '/nonexistent' });
      assert.deepEqual(await reasons(auth), [500, [], 'ERR_KPASS_CONFIG']);
    });

    it('a closed one', async () => {
      const auth = fixture.kerberosFor();
      auth.close();
      assert.deepEqual(await reasons(auth), [500, [], 'ERR_KPASS_CLOSED']);
    });
  });

  it('says 401 to a ticket of a newer key than the keytab has, and tells the operator', async () => {
    await using realm = await Realm.start({ users: { alice: 'wonderland' } });
    const old = await realm.writeKeytab(SERVICE);
    const auth = kerberosAuth({ ...optionsFor(realm), keytab: old, realm: 'the staff' });
    await using web = await Web.start(auth);
    await realm.rotateKey(SERVICE);
    const authorization = negotiate(await realm.token('alice', SERVICE));
    const [event] = await accepts(async () => assert.equal(await web.status(authorization), 401));
    assert.equal(event?.outcome, 'refused');
    assert.match(JSON.stringify(event), /kvno 2|version 2|out of date/);
    auth.close();
  });

  it('takes a header of 120 KB where the server does', async () => {
    const web = await webFor(fixture.kerberosFor(), { server: { maxHeaderSize: 200 * 1024 } });
    const long = negotiateToken(['1.2.840.113554.1.2.2'], Buffer.alloc(90_000, 1));
    const [event] = await accepts(async () => assert.equal(await web.status(negotiate(long)), 401));
    assert.equal(event?.outcome, 'refused');
  });

  it('refuses options that can never work', () => {
    const options = { ...optionsFor(fixture.realm), realm: 'the staff' };
    const wrong: object[] = [
      { schemes: [] },
      { schemes: 'Basic' },
      { schemes: ['Digest'] },
      { schemes: ['negotiate'] },
      { negotiate: true },
      { negotiate: { host: 'localhost' } },
      { negotiate: { when: true } },
      { negotiate: { bindings: 'always' } },
      { negotiate: { replay: 1 } },
      { negotiate: { hosts: [] } },
    ];
    for (const each of wrong) {
      assert.throws(() => kerberosAuth({ ...options, ...each } as never), TypeError);
    }
    assert.throws(() => basicAuth({ ...options, schemes: ['Basic'] } as never), TypeError);
  });
});

/** A request made without a network. */
function requestWith(authorization?: string): IncomingMessage {
  const headers = authorization === undefined ? {} : { authorization };
  return { socket: { encrypted: true }, headers } as unknown as IncomingMessage;
}

function codeOf(message: ErrorMessage | undefined): string | undefined {
  return message && (message.error as KpassError).code;
}
