// Each example with its real package, as a process of its own, in a real realm. The tests send
// requests over TLS.

import { deepEqual, doesNotMatch, equal, match, notEqual } from 'node:assert/strict';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { BasicStrategy } from 'passport-http';
import { type Answer, basic, Example } from '../../examples/https-basic/run';
import { initiate } from '../support/initiator';
import { partOfExample, recipes } from '../support/recipes';
import { SERVICE } from '../support/subject';

/** The code that reads the header: kpass/http, or the framework's plugin, which may be lenient. */
type Reader = 'kpass' | 'plugin';

/** With kpass, the examples take tickets as well. The plugins are Basic's alone. */
const EXAMPLES: Record<string, { file: string; reader: Reader }> = {
  "Node's https": { file: 'https.mjs', reader: 'kpass' },
  "Node's http2": { file: 'http2.mjs', reader: 'kpass' },
  'Express 5': { file: 'express.mjs', reader: 'kpass' },
  'Fastify 5': { file: 'fastify.mjs', reader: 'kpass' },
  '@fastify/basic-auth': { file: 'fastify-basic-auth.mjs', reader: 'plugin' },
  'Koa 3': { file: 'koa.mjs', reader: 'kpass' },
  hapi: { file: 'hapi.mjs', reader: 'kpass' },
  '@hapi/basic': { file: 'hapi-basic.mjs', reader: 'plugin' },
  'Passport on Express 5': { file: 'passport.mjs', reader: 'kpass' },
  'Hono on Node': { file: 'hono.mjs', reader: 'kpass' },
};

/** Tested in recipes.test.ts and operating-examples.test.ts. */
const ELSEWHERE = [
  'authjs.mjs',
  'express-form.mjs',
  'express-session.mjs',
  'kubernetes.mjs',
  'nest.mts',
  'opentelemetry.mjs',
  'passport-form.mjs',
  'pino.mjs',
  'prometheus.mjs',
  'route-handler.mjs',
  'socket-io.mjs',
  'trpc.mts',
  'websocket.mjs',
];

const users = {
  alice: 'wonderland',
  colonel: 'a:b::c:',
  begin: ':with a colon',
  zoë: 'naïve: пароль: 密码 🔑',
  '<b>"o\'hara"&': 'tara',
};

/** His logins all fail, so no example remembers him. */
const BOB = 'bob';
const BOBS = 'builder';

const negotiate = (token: Uint8Array) => `Negotiate ${base64(token)}`;
const base64 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64');

const refused: Record<string, string> = {
  'a wrong password': basic('alice', 'looking-glass'),
  'an unknown user': basic('mallory', 'wonderland'),
  'a user of another realm': basic('alice@EVIL.EXAMPLE', 'wonderland'),
  'an empty password': basic('alice', ''),
  'an empty name': basic('', 'wonderland'),
  'a password with something after a NUL': basic('alice', 'wonderland\0junk'),
  'a password with something after a colon': basic('alice', 'wonderland:junk'),
  'a password cut at its second colon': basic('colonel', 'a'),
};

const malformed: Record<string, string> = {
  'an empty header': '',
  'a scheme alone': 'Basic',
  'another scheme': `Bearer ${base64('alice:wonderland')}`,
  'another scheme with the same beginning': `Basically ${base64('alice:wonderland')}`,
  'no scheme': base64('alice:wonderland'),
  'no base64': 'Basic alice:wonderland',
  'two words of base64': `Basic ${base64('alice:')} ${base64('wonderland')}`,
  'no colon': `Basic ${base64('alice')}`,
  'Latin-1': `Basic ${base64(Buffer.from('zoë:naïve', 'latin1'))}`,
};

/** The right password in a form that no client sends. Plugins with Node's decoder may accept it. */
const sloppy: Record<string, string> = {
  'base64 with garbage in it': `Basic *${base64('alice:wonderland')}`,
  'base64 with garbage after it': `Basic ${base64('alice:wonderland')}!`,
};

describe('the examples', () => {
  let realm: Realm;
  let impostor: Realm;

  before(async () => {
    realm = await Realm.start({ users: { ...users, [BOB]: BOBS }, services: [SERVICE] });
    impostor = await realm.impostor({ users: { [BOB]: BOBS } });
  });

  after(async () => {
    await impostor?.stop();
    await realm?.stop();
  });

  for (const [framework, { file, reader }] of Object.entries(EXAMPLES)) {
    describe(`of ${framework}`, () => {
      let example: Example;
      let keytab: string;

      const start = (config: string) =>
        Example.start(realm.folder, { ...realm.env, KRB5_CONFIG: config, KEYTAB: keytab }, file);

      before(async () => {
        keytab = join(realm.folder, `${file}.keytab`);
        await copyFile(realm.keytab(SERVICE), keytab);
        example = await start(realm.config);
      });

      after(() => example?.stop());

      for (const [user, password] of Object.entries(users)) {
        it(`welcomes ${user}, password ${password}`, async () => {
          const { status, headers, body } = await example.get(basic(user, password));
          equal(status, 200);
          equal(body, `Welcome, ${user}@EXAMPLE.COM.`);
          // A name may look like HTML, so the answer is text.
          match(headers['content-type'] ?? '', /^text\/plain; charset=utf-8$/i);
        });
      }

      const challenges = async (authorization?: string) => {
        const answer = await example.get(authorization);
        equal(answer.status, 401);
        const { challenges } = answer;
        match(challenges.pop() ?? '', /^Basic realm="EXAMPLE\.COM", charset="UTF-8"/);
        // In a line of its own, and not after credentials of any kind.
        const offersTickets = reader === 'kpass' && authorization === undefined;
        deepEqual(challenges, offersTickets ? ['Negotiate'] : []);
        holdsNoDetail(answer);
      };

      it('challenges a request without credentials', () => challenges());
      const headers = { ...refused, ...malformed, ...(reader === 'kpass' && sloppy) };
      for (const [name, header] of Object.entries(headers)) {
        it(`challenges ${name}`, () => challenges(header));
      }

      if (reader === 'kpass') {
        it('welcomes a user with a ticket, and proves itself', async () => {
          const answers: string[] = [];
          const end = await initiate(realm, 'alice', async (token) => {
            const { status, body, challenges } = await example.get(negotiate(token));
            answers.push(`${status} ${body}`, `${challenges.length}`);
            return Buffer.from(challenges[0]?.replace(/^Negotiate /, '') ?? '', 'base64');
          });
          deepEqual(answers, ['200 Welcome, alice@EXAMPLE.COM.', '1']);
          equal(end, 'complete');
        });

        it('challenges a token that came before', async () => {
          const token = negotiate(await realm.token('alice', SERVICE));
          equal((await example.get(token)).status, 200);
          await challenges(token);
        });
      }

      it('logs nothing during all of this', () => equal(example.log, ''));

      const fails = async (status: number, server: Example = example): Promise<Answer> => {
        const answer = await server.get(basic(BOB, BOBS));
        equal(answer.status, status);
        equal(answer.headers['www-authenticate'], undefined);
        doesNotMatch(answer.body, /ERR_|EXAMPLE/);
        holdsNoDetail(answer);
        return answer;
      };

      it('answers 503 with Retry-After when no KDC answers', async () => {
        await realm.stopKdc();
        try {
          const { headers } = await fails(503);
          notEqual(headers['retry-after'], undefined);
        } finally {
          await realm.startKdc();
        }
      });

      it('answers 500 without a keytab', async () => {
        await rm(keytab);
        await fails(500);
      });

      it('answers 500 with a keytab that holds another key', async () => {
        await copyFile(await realm.writeWrongKeytab(SERVICE), keytab);
        await fails(500);
      });

      it('answers 500 to the password that an impostor KDC accepts', async () => {
        await copyFile(realm.keytab(SERVICE), keytab);
        await using beside = await start(impostor.config);
        await fails(500, beside);
        await beside.stop();
        match(beside.log, /ERR_KPASS_UNVERIFIED/);
        holdsNoPassword(beside.log);
      });

      it('remembers no failure, and logs each, without a password', async () => {
        equal((await example.get(basic(BOB, BOBS))).status, 200);
        await example.stop();
        for (const code of ['KDC', 'KEYTAB', 'UNVERIFIED']) {
          match(example.log, new RegExp(`ERR_KPASS_${code}`));
        }
        holdsNoPassword(example.log);
      });
    });
  }

  it('of Passport needs kpass to read the header: passport-http cuts a password at a colon', () => {
    const read: string[] = [];
    const strategy = new BasicStrategy((user, password) => read.push(user, password));
    const headers = { authorization: basic('alice', 'wonderland:junk') };
    strategy.authenticate.call(strategy as never, { headers } as never);
    deepEqual(read, ['alice', 'wonderland']);
  });

  it('contain the recipes of docs/recipes.md, line by line', () => {
    const shown = recipes();
    deepEqual(
      shown.map(({ file }) => file).sort(),
      [...Object.values(EXAMPLES).map(({ file }) => file), ...ELSEWHERE].sort(),
    );
    for (const recipe of shown) equal(recipe.code, partOfExample(recipe), recipe.file);
  });

  it('are short: under 30 lines', () => {
    const long = recipes().filter(({ code }) => code.trimEnd().split('\n').length >= 30);
    deepEqual(long, []);
  });
});

/** Asserts that an answer contains nothing of the credentials, nor of their verification. */
function holdsNoDetail({ headers, body }: Answer): void {
  const sent = JSON.stringify(headers) + body;
  doesNotMatch(sent, /krb5|kpass|KDC|keytab|HTTP\/localhost|\.mjs|node_modules/i);
  doesNotMatch(sent, /alice|bob|zoë|colonel/i);
  holdsNoPassword(sent);
}

function holdsNoPassword(text: string): void {
  doesNotMatch(text, /wonderland|looking|builder|tara/i);
  doesNotMatch(text, new RegExp(base64(`${BOB}:${BOBS}`)));
}
