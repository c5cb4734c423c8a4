// Each of the examples, which are the documentation, with the real package it is about: started as a
// process of its own, beside a real realm, and asked over TLS.

import { doesNotMatch, equal, match } from 'node:assert/strict';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { type Answer, basic, Example } from '../examples/https-basic/run';
import { impostorOf } from './support/realms';
import { keytabWithWrongKey } from './support/services';
import { SERVICE } from './support/subject';

/** Whose parser reads the header: kpass' own, or that of a plugin, which may be a lenient one. */
type Parser = 'kpass' | 'plugin';

const EXAMPLES: Record<string, { file: string; parser: Parser }> = {
  "Node's https": { file: 'https.mjs', parser: 'kpass' },
  'Express 5': { file: 'express.mjs', parser: 'kpass' },
  'Fastify 5': { file: 'fastify.mjs', parser: 'kpass' },
  '@fastify/basic-auth': { file: 'fastify-basic-auth.mjs', parser: 'plugin' },
  'Koa 3': { file: 'koa.mjs', parser: 'kpass' },
  '@hapi/basic': { file: 'hapi.mjs', parser: 'plugin' },
  'Passport on Express 5': { file: 'passport.mjs', parser: 'kpass' },
  'Hono on Node': { file: 'hono.mjs', parser: 'kpass' },
};

const users = {
  alice: 'wonderland',
  colonel: 'a:b::c:',
  colon: ':begins with one',
  zoë: 'naïve: пароль: 密码 🔑',
};

/** Is never verified while all is well: nobody can remember him. */
const BOB = 'bob';
const BOBS = 'builder';

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
  'another scheme that begins alike': `Basically ${base64('alice:wonderland')}`,
  'no scheme': base64('alice:wonderland'),
  'no base64': 'Basic alice:wonderland',
  'two words of base64': `Basic ${base64('alice:')} ${base64('wonderland')}`,
  'no colon': `Basic ${base64('alice')}`,
  'Latin-1': `Basic ${base64(Buffer.from('zoë:naïve', 'latin1'))}`,
};

/** What Node's lenient base64 decoder makes the right password of. */
const sloppy: Record<string, string> = {
  'base64 with garbage in it': `Basic *${base64('alice:wonderland')}`,
  'base64 with garbage after it': `Basic ${base64('alice:wonderland')}!`,
};

for (const [framework, { file, parser }] of Object.entries(EXAMPLES)) {
  describe(`the example of ${framework}`, () => {
    let realm: Realm;
    let impostor: Realm;
    let example: Example;
    let keytab: string;

    const start = (config: string) =>
      Example.start(realm.folder, { ...realm.env, KRB5_CONFIG: config, KEYTAB: keytab }, file);

    before(async () => {
      realm = await Realm.start({ users: { ...users, [BOB]: BOBS }, services: [SERVICE] });
      impostor = await impostorOf(realm, { [BOB]: BOBS });
      keytab = join(realm.folder, 'example.keytab');
      await copyFile(realm.keytab(SERVICE), keytab);
      example = await start(realm.config);
    });

    after(async () => {
      await example?.stop();
      await impostor?.stop();
      await realm?.stop();
    });

    for (const [user, password] of Object.entries(users)) {
      it(`names ${user}, password ${password}`, async () => {
        const { status, headers, body } = await example.get(basic(user, password));
        equal(status, 200);
        equal(body, `Welcome, ${user}@EXAMPLE.COM.`);
        match(headers['content-type'] ?? '', /^text\/plain; charset=utf-8$/i);
      });
    }

    const challenges = async (authorization?: string) => {
      const answer = await example.get(authorization);
      equal(answer.status, 401);
      match(
        answer.headers['www-authenticate'] ?? '',
        /^Basic realm="EXAMPLE\.COM", charset="UTF-8"/,
      );
      holdsNoDetail(answer);
    };

    it('challenges without credentials', () => challenges());
    const headers = { ...refused, ...malformed, ...(parser === 'kpass' && sloppy) };
    for (const [name, header] of Object.entries(headers)) {
      it(`challenges ${name}`, () => challenges(header));
    }

    it('has done all of that without a word in the log', () => equal(example.log, ''));

    const fails = async (status: number, server: Example = example) => {
      const answer = await server.get(basic(BOB, BOBS));
      equal(answer.status, status);
      equal(answer.headers['www-authenticate'], undefined);
      doesNotMatch(answer.body, /ERR_|EXAMPLE/);
      holdsNoDetail(answer);
    };

    it('answers 503 when no KDC does', async () => {
      await realm.stopKdc();
      try {
        await fails(503);
      } finally {
        await realm.startKdc();
      }
    });

    it('answers 500 without a keytab', async () => {
      await rm(keytab);
      await fails(500);
    });

    it('answers 500 with a keytab that holds another key', async () => {
      await copyFile(await keytabWithWrongKey(realm, SERVICE), keytab);
      await fails(500);
    });

    it('answers 500 to the password that an impostor KDC accepts', async () => {
      await copyFile(realm.keytab(SERVICE), keytab);
      await using beside = await start(impostor.config);
      await fails(500, beside);
      await beside.stop();
      match(beside.log, /ERR_KPASS_UNVERIFIED/);
      doesNotMatch(beside.log, new RegExp(BOBS));
    });

    it('remembers no failure, and logs each, without a password', async () => {
      equal((await example.get(basic(BOB, BOBS))).status, 200);
      await example.stop();
      for (const code of ['KDC', 'KEYTAB', 'UNVERIFIED']) {
        match(example.log, new RegExp(`ERR_KPASS_${code}`));
      }
      doesNotMatch(example.log, new RegExp(BOBS));
    });
  });
}

/** Nothing that was sent, nor where it went wrong. */
function holdsNoDetail({ headers, body }: Answer): void {
  const sent = JSON.stringify(headers) + body;
  doesNotMatch(sent, /krb5|kpass|KDC|keytab|HTTP\/localhost|\.mjs|node_modules/i);
  doesNotMatch(sent, /alice|bob|zoë|colonel|wonderland|builder|looking/i);
}
