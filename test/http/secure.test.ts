// kpass/http reads no credentials without TLS.

import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { runProgram } from '../support/child';
import { assertPlain, HttpFixture, published, RIGHT, WRONG } from '../support/http-fixture';
import { Web } from '../support/web';

describe('kpass/http', () => {
  const fixture = new HttpFixture();

  describe('answers 403, without a challenge, and does not read the credentials', () => {
    async function assertForbidden(web: Web, headers = {}): Promise<void> {
      for (const authorization of [undefined, RIGHT, WRONG]) {
        const answer = await web.get(authorization, headers);
        assert.equal(answer.status, 403);
        assert.equal(answer.headers['www-authenticate'], undefined);
        assert.equal(answer.body, 'This needs a secure connection: use https.\n');
        assertPlain(answer);
      }
      assert.equal(fixture.proxy.log.length, 0);
    }

    it('over plain HTTP', async () => {
      await using web = await Web.start(fixture.authFor(), { tls: false });
      await assertForbidden(web);
    });

    it('over plain HTTP, even if the client claims HTTPS in its headers', async () => {
      await using web = await Web.start(fixture.authFor(), { tls: false });
      await assertForbidden(web, { 'x-forwarded-proto': 'https', forwarded: 'proto=https' });
    });

    it('if `secure` returns false, even over TLS', async () => {
      await using web = await Web.start(fixture.authFor({ secure: () => false }));
      await assertForbidden(web);
    });

    for (const [what, value] of Object.entries({
      'a word': 'yes',
      'a number': 1,
      'a promise': Promise.resolve(true),
      nothing: undefined,
    })) {
      it(`if \`secure\` returns ${what} instead of true`, async () => {
        await using web = await Web.start(fixture.authFor({ secure: (() => value) as never }));
        await assertForbidden(web);
      });
    }

    it('if `secure` throws, and publishes the error', async () => {
      const thrown = new Error('no such header');
      const secure = () => {
        throw thrown;
      };
      await using web = await Web.start(fixture.authFor({ secure }));
      const messages = await published(() => assertForbidden(web));
      assert.equal(messages.length, 3);
      assert.equal(messages[0]?.error, thrown);
    });

    it('even to a user who was let in before, over TLS', async () => {
      const auth = fixture.authFor();
      await using tls = await Web.start(auth);
      await using plain = await Web.start(auth, { tls: false });
      assert.equal(await tls.status(RIGHT), 200);
      fixture.proxy.reset();
      await assertForbidden(plain);
    });

    it('and warns once', async () => {
      const { code, stderr } = await runProgram(
        fixture.realm,
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

    it('unless `secure` returns true for a proxy with TLS', async () => {
      const secure = ({ headers }: IncomingMessage) => headers['x-forwarded-proto'] === 'https';
      await using web = await Web.start(fixture.authFor({ secure }), { tls: false });
      await assertForbidden(web, { 'x-forwarded-proto': 'http' });
      assert.equal(await web.status(RIGHT, { 'x-forwarded-proto': 'https' }), 200);
    });
  });
});
