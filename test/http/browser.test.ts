// The HTTPS example in a real browser. KPASS_SCREENSHOTS=folder keeps pictures of its pages.

import { deepEqual, doesNotMatch, equal, notEqual, ok } from 'node:assert/strict';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import type { Page } from 'playwright-core';
import { Example } from '../../examples/https-basic/run';
import { Chromium } from '../support/chromium';
import { luminance, textsOf } from '../support/contrast';
import { answerDialogue } from '../support/dialogue';
import { FaultProxy } from '../support/fault-proxy';
import { SERVICE } from '../support/subject';

/** One test alone uses dinah, and counts her logins. One test alone uses bill, whose logins fail. */
const USERS = {
  alice: 'wonderland',
  zoë: 'пароль: 密码 🔑',
  dinah: 'cat & mouse',
  bill: 'lizard',
};
type User = keyof typeof USERS;

/** The minimum contrast for text of any size: WCAG 2.2, 1.4.3. */
const READABLE = 4.5;
const ASSETS = 24;

const NAMED = [
  '- main:',
  '  - paragraph: Admit one',
  '  - paragraph: Verified',
  '  - heading "Welcome, zoë" [level=1]',
  '  - term: User',
  '  - definition: zoë',
  '  - term: Principal',
  '  - definition: zoë@EXAMPLE.COM',
  '  - term: Realm',
  '  - definition: EXAMPLE.COM',
];

// Runs in the page: loads many pictures at once, each from an address of its own.
const LOAD_ASSETS = `Promise.all(Array.from({ length: ${ASSETS} }, (_, i) => new Promise((resolve, reject) => {
  const image = new Image();
  image.onload = resolve;
  image.onerror = () => reject(new Error(image.src));
  image.src = '/emblem.svg?' + i;
})))`;

// Runs in the page: finds the elements that are wider than their place.
const CUT_OFF = `Array.from(document.querySelectorAll('html, h1, p, dt, dd'))
  .filter((element) => element.scrollWidth > element.clientWidth)
  .map((element) => element.outerHTML)`;

// Runs in the page: the debugger may do so. It adds a script, which the page must not allow.
const RUN_SCRIPT = `(() => {
  const script = document.createElement('script');
  script.textContent = 'globalThis.script = "it ran"';
  document.body.append(script);
  return globalThis.script ?? 'it did not';
})()`;

describe('the HTTPS example in a browser', function () {
  this.timeout(120_000);

  let realm: Realm;
  let proxy: FaultProxy;
  let example: Example;
  let broken: Example;
  let chromium: Chromium;
  let page: Page;

  before(async () => {
    realm = await Realm.start({ users: USERS });
    proxy = await FaultProxy.start(realm);
    const env = { ...realm.env, KRB5_CONFIG: proxy.config };
    example = await Example.start(realm.folder, { ...env, KEYTAB: realm.keytab(SERVICE) });
    broken = await Example.start(realm.folder, { ...env, KEYTAB: '/nonexistent/keytab' });
    chromium = await Chromium.start([example.certificate, broken.certificate]);
  });

  after(async () => {
    await chromium?.stop();
    await broken?.stop();
    await example?.stop();
    await proxy?.stop();
    await realm?.stop();
  });

  afterEach(() => page?.context().close());

  const right = (user: User) => ({ username: user, password: USERS[user] });

  /** Collects the browser's complaints from now on. */
  function complaints(): string[] {
    const said: string[] = [];
    page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => said.push(String(error)));
    page.on('requestfailed', (request) => said.push(`failed: ${request.url()}`));
    page.on('response', (response) => {
      if (response.status() !== 200) said.push(`${response.status()}: ${response.url()}`);
    });
    return said;
  }

  async function screenshot(name: string): Promise<void> {
    const folder = process.env.KPASS_SCREENSHOTS;
    if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
  }

  it('asks once, accepts a password in UTF-8, and names the user and the principal', async () => {
    page = await chromium.open();
    const said = complaints();
    const asked = await answerDialogue(page, right('zoë'));
    const response = await page.goto(example.url);

    equal(response?.status(), 200);
    const origin = example.url.replace(/\/$/, '');
    deepEqual(asked, [{ source: 'Server', origin, scheme: 'basic', realm: 'EXAMPLE.COM' }]);
    equal(await page.title(), 'zoë · kpass');
    const shown = await page.locator('body').ariaSnapshot(); // the text for a screen reader
    equal(shown.split('\n').slice(0, NAMED.length).join('\n'), NAMED.join('\n'));
    deepEqual(said, []);
  });

  it('asks again after a wrong password, and accepts the right one', async () => {
    page = await chromium.open();
    const wrong = { username: 'alice', password: 'looking-glass' };
    const asked = await answerDialogue(page, wrong, right('alice'));
    const response = await page.goto(example.url);
    equal(response?.status(), 200);
    equal(asked.length, 2);
    equal(await page.getByRole('heading').innerText(), 'Welcome, alice');
  });

  it('shows only a refusal when the dialogue is cancelled', async () => {
    page = await chromium.open();
    const asked = await answerDialogue(page, 'cancel');
    const response = await page.goto(example.url);
    equal(response?.status(), 401);
    equal(asked.length, 1);
    await screenshot('cancelled');
    const text = await page.locator('body').innerText();
    ok(text.trim() !== '', 'an empty page tells nothing');
    doesNotMatch(text, /welcome|@|krb5|ERR_/i);
  });

  it('shows no file before a login, and no file that does not exist', async () => {
    page = await chromium.open();
    const asked = await answerDialogue(page, 'cancel', right('alice'));
    const style = new URL('/style.css', example.url).href;
    equal((await page.goto(style))?.status(), 401);
    equal((await page.goto(style))?.status(), 200);
    equal((await page.goto(new URL('/server.mjs', example.url).href))?.status(), 404);
    equal(asked.length, 2);
  });

  it('runs no script, even if one gets into the page', async () => {
    page = await chromium.open();
    await answerDialogue(page, right('alice'));
    await page.goto(example.url);
    equal(await page.evaluate(RUN_SCRIPT), 'it did not');
  });

  it(`makes one login at the KDC for a page and ${ASSETS} files at once`, async () => {
    page = await chromium.open();
    const said = complaints();
    let requests = 0;
    page.on('requestfinished', () => requests++);
    const asked = await answerDialogue(page, right('dinah'));
    proxy.reset();
    await page.goto(example.url);
    await page.evaluate(LOAD_ASSETS);
    ok(requests > ASSETS, `${requests} requests`);
    deepEqual([asked.length, proxy.replies['AS-REP'], said], [1, 1, []]);
  });

  it('is readable in both colour schemes, which differ', async () => {
    const grounds: number[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      page = await chromium.open({ colorScheme });
      await answerDialogue(page, right('alice'));
      await page.goto(example.url);
      await screenshot(colorScheme);
      const texts = await textsOf(page);
      ok(texts.some(({ text }) => text === 'alice@EXAMPLE.COM'));
      deepEqual(
        texts.filter(({ contrast }) => contrast < READABLE),
        [],
      );
      grounds.push(luminance(texts.at(-1)?.background ?? ''));
      await page.context().close();
    }
    const [light = 0, dark = 1] = grounds;
    ok(light > 0.8 && dark < 0.1, `luminance of the paper: light ${light}, dark ${dark}`);
  });

  it('fits a narrow window, and wraps a long name', async () => {
    const name = 'x'.repeat(100);
    await realm.addUser(name, 'long');
    page = await chromium.open({ viewport: { width: 320, height: 640 } });
    await answerDialogue(page, { username: name, password: 'long' });
    await page.goto(example.url);
    await screenshot('narrow');
    equal(await page.getByRole('heading').innerText(), `Welcome, ${name}`);
    deepEqual(await page.evaluate(CUT_OFF), []);
  });

  describe('shows no detail of an error', () => {
    async function shows(server: Example, status: number): Promise<void> {
      page = await chromium.open();
      const asked = await answerDialogue(page, right('bill'));
      const response = await page.goto(server.url);
      equal(response?.status(), status);
      equal(asked.length, 1, 'not asked again: the password may be right');
      await screenshot(`${status}`);
      const headers = JSON.stringify(await response?.allHeaders());
      const all = headers + (await page.content());
      notEqual((await page.locator('body').innerText()).trim(), '');
      doesNotMatch(all, /krb5|kdc|keytab|ERR_|EXAMPLE\.COM|bill|lizard|127\.0\.0/i);
    }

    it('in the server: 500', () => shows(broken, 500));

    it('of an absent KDC: 503', async () => {
      await proxy.use('reset');
      try {
        await shows(example, 503);
      } finally {
        await proxy.use('pass');
      }
    });
  });
});
