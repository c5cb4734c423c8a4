// The answers and messages of kpass/http when a password cannot be verified.

import assert from 'node:assert/strict';
import http from 'node:http';
import { inspect } from 'node:util';
import { KpassError } from 'kpass';
import type { BasicAuthOptions, ErrorMessage } from 'kpass/http';
import type { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { assertPlain, HttpFixture, published, RIGHT, USERS } from '../support/http-fixture';
import { type Answer, basic, Web } from '../support/web';

describe('kpass/http', () => {
  const fixture = new HttpFixture();

  function codesOf(messages: ErrorMessage[]): string[] {
    return messages.map(({ error }) => (error as KpassError).code);
  }

  describe('when passwords cannot be verified', () => {
    interface Failure {
      what: string;
      status: 500 | 503;
      code: string;
      options?: () => Partial<BasicAuthOptions>;
      arrange?: () => Promise<unknown>;
      restore?: () => Promise<unknown>;
      /** Default: alice's. */
      password?: string;
    }

    const CHOSEN = 'chosen by the impostor';
    let impostor: Realm;
    before(async () => {
      impostor = await fixture.realm.impostor({ users: { alice: CHOSEN } });
    });
    after(() => impostor?.stop());

    const failures: Failure[] = [
      {
        what: 'no KDC listens',
        status: 503,
        code: 'ERR_KPASS_KDC',
        options: () => ({ config: fixture.realm.config }),
        arrange: () => fixture.realm.stopKdc(),
        restore: () => fixture.realm.startKdc(),
      },
      {
        what: 'the KDC is silent',
        status: 503,
        code: 'ERR_KPASS_TIMEOUT',
        options: () => ({ timeout: 300 }),
        arrange: () => fixture.proxy.use('silent'),
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
        what: 'an unknown error happens',
        status: 500,
        code: 'ERR_KPASS_INTERNAL',
        arrange: () => fixture.proxy.use({ error: 120 }),
      },
    ];

    for (const { what, status, code, options, arrange, restore, password } of failures) {
      it(`answers ${status} and publishes ${code} because ${what}`, async () => {
        const auth = fixture.authFor(options?.());
        await using web = await Web.start(auth);
        await arrange?.();
        try {
          let answer: Answer | undefined;
          const messages = await published(async () => {
            answer = await web.get(basic('alice', password ?? USERS.alice));
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

    it('publishes no password', async () => {
      const authorization = basic('alice', 'wonderland');
      await using web = await Web.start(fixture.authFor({ keytab: '/nonexistent' }));
      const messages = await published(() => web.get(authorization));
      assert.equal(messages.length, 1);
      const logged = inspect(messages, { depth: 9 }) + JSON.stringify(messages);
      assert.match(logged, /ERR_KPASS_KEYTAB/);
      assert(!logged.includes(authorization.slice('Basic '.length)));
    });

    it('answers 503 and publishes ERR_KPASS_BUSY because all threads are busy', async () => {
      await using web = await Web.start(fixture.authFor({ threads: 1, queue: 0, timeout: 2_000 }));
      await fixture.proxy.use('silent');
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

    it('answers 500 and publishes ERR_KPASS_CLOSED because it is closed', async () => {
      const auth = fixture.authFor();
      await using web = await Web.start(auth);
      auth.close();
      const messages = await published(async () => assertFailed(await web.get(RIGHT), 500));
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

    it('warns once for each kind of error if nobody subscribes', async () => {
      const { code, stderr } = await runProgram(
        fixture.realm,
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
});
