// kpass/http, over real TLS and with real KDCs: which credentials it accepts, and its challenge to
// all others. The other files of this folder test the rest of kpass/http.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { basicAuth } from 'kpass/http';
import {
  assertPlain,
  CHALLENGE,
  HttpFixture,
  published,
  RIGHT,
  USERS,
  WRONG,
} from '../support/http-fixture';
import { optionsFor } from '../support/subject';
import { type Answer, base64, basic, Web } from '../support/web';

const DENIED: Record<string, string> = {
  'a wrong password': WRONG,
  'an unknown user': basic('mallory', 'wonderland'),
  'a user of another realm': basic('alice@EVIL.EXAMPLE', 'wonderland'),
  'an empty password': basic('alice', ''),
  'an empty name': basic('', 'wonderland'),
  'a password cut at its second colon': basic('colonel', 'a:b'),
  'a password in another normalization': basic('zoe\u0308', USERS.zoë),
  'a password of 2,000 bytes': basic('alice', 'x'.repeat(2_000)),
  'a user whose password must be changed': basic('expiredpassword', 'wonderland'),
  'a user whose account is disabled': basic('disabled', 'wonderland'),
  'a user whose account has expired': basic('expired', 'wonderland'),
};

const token = base64(`alice:${USERS.alice}`);

const MALFORMED: Record<string, string | readonly string[]> = {
  'an empty header': '',
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
  'a tab in the password, though it is right': basic('tab', USERS.tab),
  'a DEL in the password, though it is right': basic('del', USERS.del),
  'a line break in the name': basic('alice\n', 'wonderland'),
  'two values in one field': `${RIGHT}, ${RIGHT}`,
  'a parameter after the credentials': `${RIGHT}, realm="the staff"`,
  'parameters, as Digest has them': 'Basic username="alice", password="wonderland"',
  'over 8 KB, though it is right': `Basic ${' '.repeat(8_192 - 'Basic '.length - token.length + 1)}${token}`,
  'the right header twice': [RIGHT, RIGHT],
  'a wrong header after the right one': [RIGHT, WRONG],
  'another scheme after the right one': [RIGHT, 'Bearer x'],
};

describe('kpass/http', () => {
  const fixture = new HttpFixture();

  function assertChallenged(answer: Answer, challenge = CHALLENGE): void {
    assert.equal(answer.status, 401);
    assert.equal(answer.headers['www-authenticate'], challenge);
    assert.equal(answer.body, 'A user name and a password, please.\n');
    assertPlain(answer);
  }

  describe('lets in', () => {
    let web: Web;
    before(async () => {
      web = await Web.start(basicAuth({ ...optionsFor(fixture.realm), realm: 'the staff' }));
    });
    after(() => web?.stop());

    for (const [user, password] of Object.entries(USERS)) {
      if (user === 'tab' || user === 'del') continue;
      it(`${user}, password ${password}, and names the user`, async () => {
        const { status, body } = await web.get(basic(user, password));
        assert.equal(status, 200);
        const principal = `${user}@EXAMPLE.COM`;
        assert.deepEqual(JSON.parse(body), {
          user,
          principal,
          realm: 'EXAMPLE.COM',
          scheme: 'Basic',
        });
      });
    }

    it('a name with its realm, and names the user as the ticket does', async () => {
      const { body } = await web.get(basic('alice@EXAMPLE.COM', USERS.alice));
      const principal = 'alice@EXAMPLE.COM';
      assert.deepEqual(JSON.parse(body), {
        user: 'alice',
        principal,
        realm: 'EXAMPLE.COM',
        scheme: 'Basic',
      });
    });

    it('a scheme in any case', async () => {
      for (const scheme of ['basic', 'BASIC', 'bAsIc']) {
        assert.equal(await web.status(`${scheme} ${token}`), 200, scheme);
      }
    });

    it('more than one space before the credentials', async () => {
      assert.equal(await web.status(`Basic   ${token}`), 200);
    });

    it('a header of 8 KB', async () => {
      const spaces = ' '.repeat(8_192 - 'Basic'.length - token.length);
      assert.equal(await web.status(`Basic${spaces}${token}`), 200);
    });
  });

  describe('answers 401, with a challenge and no reason', () => {
    it('to no credentials', async () => {
      await using web = await Web.start(fixture.authFor());
      assertChallenged(await web.get());
    });

    for (const [name, header] of Object.entries(DENIED)) {
      it(`to ${name}`, async () => {
        const auth = fixture.authFor();
        await using fresh = await Web.start(auth);
        const messages = await published(async () => assertChallenged(await fresh.get(header)));
        assert.deepEqual(messages, []);
      });
    }

    it("to a user that the KDC's policy refuses", async () => {
      await using fresh = await Web.start(fixture.authFor());
      await fixture.proxy.use({ error: 12 });
      assertChallenged(await fresh.get(RIGHT));
      assert(fixture.proxy.log.length > 0);
    });

    for (const [name, header] of Object.entries(MALFORMED)) {
      it(`to ${name}, without a message to the KDC or the operator`, async () => {
        await using fresh = await Web.start(fixture.authFor());
        const messages = await published(async () => assertChallenged(await fresh.get(header)));
        assert.deepEqual(messages, []);
        assert.equal(fixture.proxy.log.length, 0);
      });
    }

    it('to the right header twice, if the server joins them', async () => {
      const server = { joinDuplicateHeaders: true };
      await using fresh = await Web.start(fixture.authFor(), { server });
      assertChallenged(await fresh.get([RIGHT, RIGHT]));
      assert.equal(await fresh.status(RIGHT), 200);
    });

    it('with the realm quoted', async () => {
      await using fresh = await Web.start(fixture.authFor({ realm: 'say "a\\b" ~' }));
      assertChallenged(await fresh.get(), 'Basic realm="say \\"a\\\\b\\" ~", charset="UTF-8"');
    });

    it('to HEAD, without the body', async () => {
      await using plain = await Web.start(fixture.authFor({ secure: () => true }), { tls: false });
      const request = http.request({ host: '127.0.0.1', port: plain.port, method: 'HEAD' });
      request.end();
      const [response]: IncomingMessage[] = await once(request, 'response');
      assert(response);
      assert.equal(response.statusCode, 401);
      assert.equal(response.headers['www-authenticate'], CHALLENGE);
      assert.equal(await text(response), '');
    });
  });
});
