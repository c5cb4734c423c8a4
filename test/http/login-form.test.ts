// The example of a login form, on each framework, in a real browser and by bare requests.
// KPASS_SCREENSHOTS=folder keeps pictures of its pages.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { source as axe } from 'axe-core';
import { Realm } from 'kpass/testing';
import type { Page } from 'playwright-core';
import { Example } from '../../examples/https-basic/run';
import { Chromium } from '../support/chromium';
import { textsOf } from '../support/contrast';
import { SERVICE } from '../support/subject';
import { base64, linesOf } from '../support/web';

const DENIED = 'This name and this password do not log in.';
const READABLE = 4.5;

/** A browser's cookies and fields, without a browser. */
class Visitor {
  #cookie = '';
  #token = '';

  constructor(readonly example: Example) {}

  async ask(method: string, path: string, fields?: Record<string, string>, headers = {}) {
    const body = fields && new URLSearchParams({ token: this.#token, ...fields }).toString();
    const outgoing = request(new URL(path, this.example.url), {
      method,
      ca: await readFile(this.example.certificate),
      agent: false,
      host: '127.0.0.1',
      servername: 'localhost',
      headers: {
        ...(this.#cookie && { cookie: this.#cookie }),
        ...(body && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
    });
    outgoing.end(body);
    const [incoming]: IncomingMessage[] = await once(outgoing, 'response');
    assert(incoming !== undefined);
    const page = await text(incoming);
    const [cookie] = linesOf(incoming, 'set-cookie');
    if (cookie !== undefined) this.#cookie = cookie.split(';')[0] ?? '';
    this.#token = /name="token" value="([^"]*)"/.exec(page)?.[1] ?? this.#token;
    const challenges = linesOf(incoming, 'www-authenticate');
    return { status: incoming.statusCode, headers: incoming.headers, challenges, cookie, page };
  }

  get(path = '/', headers = {}) {
    return this.ask('GET', path, undefined, headers);
  }

  /** Opens the form, and sends it. */
  async logIn(user: string, password: string, more: Record<string, string> = {}) {
    await this.get('/login');
    return this.ask('POST', '/login', { user, password, ...more });
  }

  post(path: string, fields: Record<string, string>, headers = {}) {
    return this.ask('POST', path, fields, headers);
  }

  get cookie() {
    return this.#cookie;
  }
  forgetCookie() {
    this.#cookie = '';
  }
}

for (const framework of ['express', 'fastify']) {
  describe(`the login form on ${framework}`, function () {
    this.timeout(120_000);
    let realm: Realm;
    let example: Example;
    before(async () => {
      realm = await Realm.start({
        users: { alice: 'wonderland', zoë: 'пароль' },
        passwords: true,
        tokens: true,
      });
      await realm.addUser('locked', 'wonderland', { state: 'disabled' });
      await realm.addUser('eve', 'old-password');
      await realm.addUser('tom', 'unused', { token: 'only' });
      example = await start();
    });
    after(async () => {
      await example?.stop();
      await realm?.stop();
    });
    const start = (env: NodeJS.ProcessEnv = {}) =>
      Example.start(
        realm.folder,
        { ...realm.env, KEYTAB: realm.keytab(SERVICE), ...env },
        `login-form/${framework}.mjs`,
      );

    describe('without a browser', () => {
      it('shows the form with a 401 that offers Negotiate alone', async () => {
        const { status, challenges, page, headers } = await new Visitor(example).get();
        assert.deepEqual([status, challenges], [401, ['Negotiate']]);
        assert.match(page, /<form method="post" action="\/login">/);
        assert.equal(headers['cache-control'], 'no-store');
        assert.match(String(headers['content-security-policy']), /default-src 'none'/);
      });

      it('lets a ticket in, without the form', async () => {
        const visitor = new Visitor(example);
        const authorization = `Negotiate ${base64(await realm.token('alice', SERVICE))}`;
        const { status, page } = await visitor.get('/', { authorization });
        assert.equal(status, 200);
        assert.match(page, /alice@EXAMPLE\.COM.*\n.*with your ticket/);
        assert.match((await visitor.get()).page, /with your ticket/);
      });

      it('lets a password in, and keeps the user in a cookie that tells nothing', async () => {
        const visitor = new Visitor(example);
        const { status, headers, cookie = '' } = await visitor.logIn('zoë', 'пароль');
        assert.deepEqual([status, headers.location], [303, '/']);
        assert.match(cookie, /^__Host-session=Fe26\.2\*/);
        for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/']) {
          assert(cookie.includes(attribute), cookie);
        }
        assert.doesNotMatch(cookie, /zoë|zo%C3%AB|; (?:Max-Age|Expires|Domain)=/i);
        const { status: welcome, page } = await visitor.get();
        assert.equal(welcome, 200);
        assert.match(page, /zoë@EXAMPLE\.COM/);
      });

      it('logs out', async () => {
        const visitor = new Visitor(example);
        await visitor.logIn('alice', 'wonderland');
        await visitor.get();
        const { status, headers } = await visitor.post('/logout', {});
        assert.deepEqual([status, headers.location], [303, '/goodbye']);
        assert.equal((await visitor.get()).status, 401);
        const { challenges } = await visitor.get('/goodbye');
        assert.deepEqual(challenges, [], 'a ticket would log the user in again');
      });

      it('says one thing to a wrong password and to an unknown user, and escapes the name', async () => {
        for (const user of ['alice', 'nobody', '<script>alert(1)</script>"\'&']) {
          const { status, page } = await new Visitor(example).logIn(user, 'wrong');
          assert.equal(status, 401);
          assert(page.includes(DENIED));
          assert.doesNotMatch(page, /<script/);
        }
      });

      it('says that an account is locked', async () => {
        const { status, page } = await new Visitor(example).logIn('locked', 'wonderland');
        assert.equal(status, 401);
        assert.match(page, /locked or has expired/);
      });

      it('asks for the code of a token where the account wants one', async () => {
        // The first login of a process goes without armor, and a realm asks for codes under armor only.
        await new Visitor(example).logIn('alice', 'wonderland');
        const visitor = new Visitor(example);
        let page = '';
        for (let n = 0; n < 50 && !page.includes('name="code"'); n++) {
          await sleep(100);
          page = (await visitor.logIn('tom', 'wonderland')).page;
        }
        assert.match(page, /wants a code as well/);
        assert.match(page, /name="code"/);
        realm.tokens.allow('tom', 'wonderland123456');
        const wrong = await visitor.logIn('tom', 'wonderland', { code: '654321' });
        assert.equal(wrong.status, 401);
        assert.match(wrong.page, /name="code"/);
        const right = await visitor.logIn('tom', 'wonderland', { code: '123456' });
        assert.deepEqual([right.status, right.headers.location], [303, '/']);
        assert.match((await visitor.get()).page, /tom@EXAMPLE\.COM/);
      });

      it('takes no form of another site, of another session, or without its token', async () => {
        const visitor = new Visitor(example);
        await visitor.get('/login');
        const fields = { user: 'alice', password: 'wonderland' };
        const cross = { 'sec-fetch-site': 'cross-site' };
        assert.equal((await visitor.post('/login', fields, cross)).status, 403);
        assert.equal((await visitor.post('/login', { ...fields, token: '' })).status, 403);
        assert.equal((await visitor.post('/login', { ...fields, token: 'x' })).status, 403);
        const other = new Visitor(example);
        await other.get('/login');
        other.forgetCookie();
        assert.equal((await other.post('/login', fields)).status, 403);
        assert.equal((await visitor.get()).status, 401);
      });

      it('gives a session that begins a new token and a new cookie', async () => {
        const visitor = new Visitor(example);
        await visitor.get('/login');
        const before = visitor.cookie;
        await visitor.post('/login', { user: 'alice', password: 'wonderland' });
        assert.notEqual(visitor.cookie, before);
        // The old token no longer logs out.
        const token = /value="([^"]*)"/.exec((await new Visitor(example).get('/login')).page)?.[1];
        assert.equal((await visitor.post('/logout', { token: token ?? '' })).status, 403);
      });

      it('takes a cookie that was changed for none', async () => {
        const visitor = new Visitor(example);
        await visitor.logIn('alice', 'wonderland');
        const forged = `${visitor.cookie.slice(0, -5)}AAAAA`;
        assert.equal((await new Visitor(example).get('/', { cookie: forged })).status, 401);
        assert.equal((await new Visitor(example).get('/', { cookie: visitor.cookie })).status, 200);
      });

      it('answers bodies of any kind', async () => {
        const visitor = new Visitor(example);
        await visitor.get('/login');
        const types = ['application/json', 'multipart/form-data; boundary=x', 'text/plain', 'x'];
        for (const type of types) {
          const { status = 0, page } = await visitor.post('/login', {}, { 'content-type': type });
          assert(status >= 400 && status < 500, `${type}: ${status}`);
          assert.doesNotMatch(page, /node_modules|at .*:\d+/);
        }
        const long = await visitor.post('/login', { user: 'x'.repeat(100_000) });
        assert.equal(long.status, 413);
        assert.doesNotMatch(long.page, /node_modules|at .*:\d+/);
      });

      it('tells nothing of an error: 503 without a KDC, 500 without a keytab', async () => {
        const deserted = await realm.writeConfig({ kdcs: ['127.0.0.1:1'] });
        await using lonely = await start({ KRB5_CONFIG: deserted });
        await using broken = await start({ KEYTAB: '/nonexistent' });
        for (const [server, code] of [
          [lonely, 503],
          [broken, 500],
        ] as const) {
          const { status, page } = await new Visitor(server).logIn('alice', 'wonderland');
          assert.equal(status, code);
          assert.doesNotMatch(page, /krb5|KDC|keytab|ERR_|EXAMPLE|alice/i);
        }
      });
    });

    describe('in a browser', () => {
      let chromium: Chromium;
      let page: Page;
      before(async () => {
        chromium = await Chromium.start([example.certificate]);
      });
      after(() => chromium?.stop());
      afterEach(() => page?.context().close());

      /** The rules that the page breaks, by axe. */
      async function findings(): Promise<unknown[]> {
        await page.evaluate(axe);
        return page.evaluate('axe.run().then(({ violations }) => violations)');
      }
      async function isGood(name: string): Promise<void> {
        const folder = process.env.KPASS_SCREENSHOTS;
        if (folder) await page.screenshot({ path: join(folder, `form-${framework}-${name}.png`) });
        assert.deepEqual(await findings(), [], name);
        const texts = await textsOf(page);
        assert.deepEqual(
          texts.filter(({ contrast }) => contrast < READABLE),
          [],
          name,
        );
      }
      const url = (path = '/') => new URL(path, example.url).href;

      for (const colorScheme of ['light', 'dark'] as const) {
        it(`logs in and out by the keyboard alone, ${colorScheme}, without a finding`, async () => {
          page = await chromium.open({ colorScheme });
          await page.goto(url());
          await isGood(`login-${colorScheme}`);
          await page.keyboard.type('alice'); // the first field has the focus
          await page.keyboard.press('Tab');
          await page.keyboard.type('wrong');
          await page.keyboard.press('Enter');
          await page.getByRole('alert').waitFor();
          assert.equal(await page.getByRole('alert').innerText(), DENIED);
          await isGood(`denied-${colorScheme}`);
          await page.keyboard.type('wonderland'); // now the password has it
          await page.keyboard.press('Enter');
          await page.getByRole('heading', { name: 'Welcome' }).waitFor();
          await isGood(`welcome-${colorScheme}`);
          await page.keyboard.press('Tab');
          await page.keyboard.press('Enter');
          await page.getByRole('heading', { name: 'logged out' }).waitFor();
          await isGood(`goodbye-${colorScheme}`);
        });
      }

      it('changes an expired password, in the words of the realm', async () => {
        await realm.kadmin('add_policy', '-minlength', '10', 'long');
        const expired = ['-pwexpire', '1 hour ago'];
        await realm.kadmin('modify_principal', '-policy', 'long', ...expired, 'eve');
        page = await chromium.open({ viewport: { width: 320, height: 640 } });
        await page.goto(url('/login'));
        await page.getByLabel('User name').fill('eve');
        await page.getByLabel('Password').fill('old-password');
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'Choose a new password' }).waitFor();
        await isGood('expired');
        const change = async (old: string, next: string, again = next) => {
          await page.getByLabel('Old password').fill(old);
          await page.getByLabel('New password', { exact: true }).fill(next);
          await page.getByLabel('New password, again').fill(again);
          await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
          const alert = page.getByRole('alert');
          return (await alert.count()) === 0 ? '' : alert.innerText();
        };
        assert.match(await change('old-password', 'one-thing-new', 'another-new'), /differ/);
        assert.match(await change('old-password', 'short'), /too short/i);
        await isGood('rejected');
        assert.match(await change('not-the-old-one', 'long-enough-now'), /old password is wrong/);
        assert.equal(await change('old-password', 'long-enough-now'), '');
        await page.getByRole('heading', { name: 'Welcome' }).waitFor();
        const { status } = await new Visitor(example).logIn('eve', 'long-enough-now');
        assert.equal(status, 303);
      });

      it('works without JavaScript', async () => {
        page = await chromium.open({ javaScriptEnabled: false });
        await page.goto(url());
        await page.getByLabel('User name').fill('alice');
        await page.getByLabel('Password').fill('wonderland');
        await page.getByRole('button', { name: 'Log in' }).click();
        await page.getByRole('heading', { name: 'Welcome' }).waitFor();
      });
    });
  });
}
