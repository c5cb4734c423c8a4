import { deepEqual, doesNotMatch, equal, match, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { Realm } from 'kpass/testing';
import { basic, Example } from '../../examples/https-basic/run';
import { FaultProxy } from '../support/fault-proxy';

const SERVICE = 'HTTP/localhost';

const users = {
  alice: 'wonderland',
  colonel: 'a:b::c:',
  müller: 'straße',
  zoë: 'пароль 密码 🔑',
};

/** Encodes credentials for the header `Authorization: Basic …`. */
const base64 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64');

const refused: Record<string, string> = {
  'a wrong password': basic('alice', 'looking-glass'),
  'an unknown user': basic('mallory', 'wonderland'),
  'a user of another realm': basic('alice@EVIL.EXAMPLE', 'wonderland'),
  'an empty password': basic('alice', ''),
  'an empty name': basic('', 'wonderland'),
  'a password with something after a NUL': basic('alice', 'wonderland\0junk'),
  'a password cut at its second colon': basic('colonel', 'a:b'),
  'a password in another normalization': basic('zoe\u0308', users.zoë),
  'a password of 10,000 bytes': basic('alice', 'x'.repeat(10_000)),
};

const malformed: Record<string, string> = {
  'an empty header': '',
  'a scheme alone': 'Basic',
  'a scheme and a space': 'Basic ',
  'another scheme': `Bearer ${base64('alice:wonderland')}`,
  'another scheme with the same beginning': `Basically ${base64('alice:wonderland')}`,
  'no scheme': base64('alice:wonderland'),
  'no base64': 'Basic alice:wonderland',
  'base64 with garbage in it': `Basic *${base64('alice:wonderland')}`,
  'base64 with garbage after it': `Basic ${base64('alice:wonderland')}!`,
  'two words of base64': `Basic ${base64('alice:')} ${base64('wonderland')}`,
  'base64 without its padding': `Basic ${base64('alice:wonderland').replace(/=+$/, '')}`,
  base64url: `Basic ${Buffer.from('alice:wonderland>>>???').toString('base64url')}`,
  'no colon': `Basic ${base64('alice')}`,
  'Latin-1': `Basic ${base64(Buffer.from('müller:straße', 'latin1'))}`,
};

describe('the HTTPS example', () => {
  let realm: Realm;
  let example: Example;

  const start = (config: string, keytab = realm.keytab(SERVICE)) =>
    Example.start(realm.folder, { ...realm.env, KRB5_CONFIG: config, KEYTAB: keytab });

  before(async () => {
    realm = await Realm.start({ name: 'EXAMPLE.COM', users, services: [SERVICE] });
    example = await start(realm.config);
  });

  after(async () => {
    await example?.stop();
    await realm?.stop();
  });

  describe('shows the page', () => {
    for (const [user, password] of Object.entries(users)) {
      it(`to ${user}, password ${password}`, async () => {
        const { status, headers, body } = await example.get(basic(user, password));
        equal(status, 200);
        equal(headers['cache-control'], 'no-store');
        match(body, new RegExp(`${user}@EXAMPLE\\.COM`));
      });
    }

    it('for a scheme in any case', async () => {
      const header = basic('alice', users.alice);
      const schemes = ['basic', 'BASIC', 'bAsIc'];
      const answers = schemes.map((scheme) => example.get(header.replace('Basic', scheme)));
      deepEqual(
        (await Promise.all(answers)).map(({ status }) => status),
        [200, 200, 200],
      );
    });

    it('with the user escaped', async () => {
      const user = `<b>"o'hara"&`;
      await realm.addUser(user, 'tara');
      const { status, body } = await example.get(basic(user, 'tara'));
      equal(status, 200);
      match(body, /&#60;b&#62;&#34;o&#39;hara&#34;&#38;@EXAMPLE\.COM/);
    });
  });

  it('shows the page to a user with a ticket, and reads the longest', async () => {
    const token = await realm.token('alice', SERVICE);
    const { status, body } = await example.get(`Negotiate ${base64(token)}`);
    equal(status, 200);
    match(body, /alice@EXAMPLE\.COM/);
    // As long as the longest of Active Directory: this one is none, but it is read.
    const long = `Negotiate ${base64(Buffer.alloc(48_000, 1))}`;
    equal((await example.get(long)).status, 401);
  });

  describe('challenges', () => {
    const challenged = async (authorization?: string) => {
      const { status, challenges, body } = await example.get(authorization);
      equal(status, 401);
      match(challenges.pop() ?? '', /^Basic realm="EXAMPLE\.COM"/);
      deepEqual(challenges, authorization === undefined ? ['Negotiate'] : []);
      doesNotMatch(body, /@|krb5|kpass:/i);
    };

    it('no credentials', () => challenged());
    for (const [name, header] of Object.entries({ ...refused, ...malformed })) {
      it(name, () => challenged(header));
    }

    it('all of these without a word in the log', () => equal(example.log, ''));
  });

  describe('answers 503', () => {
    it('when no KDC listens, except for a password that was right a moment ago', async () => {
      await realm.addUser('hatter', 'tea');
      await example.get(basic('alice', users.alice));
      await realm.stopKdc();
      try {
        const { status, headers } = await example.get(basic('hatter', 'tea'));
        equal(status, 503);
        equal(headers['www-authenticate'], undefined);
        equal((await example.get(basic('alice', users.alice))).status, 200);
      } finally {
        await realm.startKdc();
      }
      equal((await example.get(basic('hatter', 'tea'))).status, 200);
    });

    it('when the KDC is silent', async function () {
      this.timeout(20_000); // kpass gives up after ten seconds.
      await using proxy = await FaultProxy.start(realm);
      await proxy.use('silent');
      await using beside = await start(proxy.config);
      equal((await beside.get(basic('alice', users.alice))).status, 503);
      await beside.stop();
      match(beside.log, /ERR_KPASS_TIMEOUT/);
    });
  });

  describe('answers 500, with every detail in the log and none in the answer', () => {
    const fails = async (code: string, config: string, keytab?: string, password = users.alice) => {
      await using beside = await start(config, keytab);
      const { status, headers, body } = await beside.get(basic('alice', password));
      equal(status, 500);
      equal(headers['www-authenticate'], undefined);
      doesNotMatch(body, /krb5|KDC|keytab|ERR_|EXAMPLE|alice/i);
      await beside.stop();
      match(beside.log, new RegExp(code));
      doesNotMatch(beside.log, new RegExp(password));
    };

    it('to the password that an impostor KDC accepts', async () => {
      const password = 'chosen by the impostor';
      await using impostor = await Realm.start({ users: { alice: password }, services: [SERVICE] });
      await fails('ERR_KPASS_UNVERIFIED', impostor.config, undefined, password);
    });

    it('without a keytab', () => fails('ERR_KPASS_KEYTAB', realm.config, '/nonexistent/keytab'));

    it('without a krb5.conf', () => fails('ERR_KPASS_CONFIG', '/nonexistent/krb5.conf'));
  });

  it('does not answer plain HTTP', async () => {
    const plain = get(example.url.replace('https:', 'http:').replace('localhost', '127.0.0.1'));
    await rejects(once(plain, 'response'), { code: 'ECONNRESET' });
  });
});
