// Logs in by ticket with Firefox and with Java, at a server of kerberosAuth() in a realm of its own. Each
// tries with a ticket and without one. Exits with 0 only if all answers are the right ones.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { kerberosAuth } from 'kpass/http';
import { Realm } from 'kpass/testing';
import WebSocket from 'ws';
import { certificate, Web } from '../test/support/web';

const SERVICE = 'HTTP/localhost';
const PASSWORD = 'wonderland';
const run = promisify(execFile);

/** The page of a user, and the answer to somebody who has no ticket. */
const WELCOME = /alice@EXAMPLE\.COM by Negotiate/;
const REFUSAL = /A user name and a password, please/;

interface Visit {
  realm: Realm;
  url: string;
  /** Where the client looks for tickets. */
  env: NodeJS.ProcessEnv;
  /** A folder for this visit alone. */
  folder: string;
}

/** Visits the page. Resolves to what the client says of it. */
type Client = (visit: Visit) => Promise<string>;

const CLIENTS: Record<string, Client> = { firefox, java };

main().then(
  (holds) => process.exit(holds ? 0 : 1),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);

async function main(): Promise<boolean> {
  const chosen = process.argv.slice(2);
  await using realm = await Realm.start({ users: { alice: PASSWORD }, services: [SERVICE] });
  const { config } = realm;
  const auth = kerberosAuth({
    service: 'HTTP',
    host: 'localhost',
    keytab: realm.keytab(SERVICE),
    config,
    realm: 'clients',
  });
  await using web = await Web.start(auth, {
    handler: ({ kpass }, response) => response.end(`${kpass?.principal} by ${kpass?.scheme}`),
  });
  const url = `https://localhost:${web.port}/`;
  const ticket = await realm.ticket('alice');
  const results: boolean[] = [];
  for (const name of chosen.length > 0 ? chosen : Object.keys(CLIENTS)) {
    const client = CLIENTS[name];
    if (client === undefined) throw new RangeError(`no client ${name}`);
    for (const [what, cache, wanted] of [
      ['a ticket', ticket, WELCOME],
      ['no ticket', join(realm.folder, 'nonexistent'), REFUSAL],
    ] as const) {
      const folder = join(realm.folder, `${name}-${results.length}`);
      await mkdir(folder);
      const env = {
        ...process.env,
        KRB5_CONFIG: config,
        KRB5CCNAME: cache,
        HOME: folder,
        LC_ALL: 'C',
      };
      const said = await client({ realm, url, env, folder });
      const holds = wanted.test(said);
      console.log(`${holds ? '✓' : '✗'} ${name}, ${what}: ${said.slice(0, 200)}`);
      results.push(holds);
    }
  }
  auth.close();
  return results.every(Boolean);
}

/** Java must be told of Kerberos, and to use the user's cache. It trusts the server's certificate alone. */
async function java({ realm, url, env, folder }: Visit): Promise<string> {
  const pem = join(folder, 'certificate.pem');
  const store = join(folder, 'trusted.p12');
  const logins = join(folder, 'login.conf');
  await writeFile(pem, (await certificate()).cert);
  const password = ['-storetype', 'PKCS12', '-storepass', 'changeit'];
  await run('keytool', ['-importcert', '-noprompt', '-file', pem, '-keystore', store, ...password]);
  await writeFile(
    logins,
    `com.sun.security.jgss.krb5.initiate {
  com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true doNotPrompt=true;
};
`,
  );
  const properties = {
    'java.security.krb5.conf': realm.config,
    'javax.security.auth.useSubjectCredsOnly': 'false',
    'java.security.auth.login.config': logins,
    'javax.net.ssl.trustStore': store,
    'javax.net.ssl.trustStorePassword': 'changeit',
    'java.net.preferIPv4Stack': 'true',
  };
  const options = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  const args = [...options, join(__dirname, 'Login.java'), url];
  const { stdout } = await run('java', args, { env, timeout: 60_000 });
  return stdout.trim();
}

/** Firefox trusts the site by its preference, and is driven by WebDriver BiDi, which it speaks itself. */
async function firefox({ url, env, folder }: Visit): Promise<string> {
  const preferences = {
    'network.negotiate-auth.trusted-uris': 'localhost',
    'network.negotiate-auth.allow-non-fqdn': true,
    'browser.shell.checkDefaultBrowser': false,
    'datareporting.policy.dataSubmissionEnabled': false,
  };
  const lines = Object.entries(preferences).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  await writeFile(join(folder, 'user.js'), lines.join(''));
  const args = ['--headless', '--no-remote', '--profile', folder, '--remote-debugging-port', '0'];
  const browser = spawn('firefox-esr', args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    const driver = await Driver.connect(await addressOf(browser));
    return await driver.visit(url);
  } finally {
    browser.kill();
    await once(browser, 'exit');
  }
}

/** Firefox prints where it listens for its driver. */
async function addressOf(browser: ChildProcess): Promise<string> {
  if (browser.stderr === null) throw new TypeError('no pipe');
  for await (const line of createInterface(browser.stderr)) {
    const address = /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error('Firefox ended at once');
}

interface Message {
  type: 'success' | 'error' | 'event';
  id?: number;
  method?: string;
  result?: Record<string, unknown>;
  message?: string;
}

/** WebDriver BiDi, as far as a visit needs it. */
class Driver {
  readonly #socket: WebSocket;
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async connect(address: string): Promise<Driver> {
    const socket = new WebSocket(`${address}/session`);
    await once(socket, 'open');
    const driver = new Driver(socket);
    const capabilities = { alwaysMatch: { acceptInsecureCerts: true } };
    await driver.#ask('session.new', { capabilities });
    return driver;
  }

  /** The text of the page. A dialogue that asks for a password is cancelled. */
  async visit(url: string): Promise<string> {
    await this.#ask('network.addIntercept', { phases: ['authRequired'] });
    await this.#ask('session.subscribe', { events: ['network.authRequired'] });
    this.#socket.on('message', (data) => {
      const { method, params } = JSON.parse(String(data));
      if (method !== 'network.authRequired') return;
      const { request } = params.request;
      this.#send('network.continueWithAuth', { request, action: 'cancel' });
    });
    const { contexts } = await this.#ask('browsingContext.getTree', {});
    const { context } = (contexts as { context: string }[])[0] ?? {};
    await this.#ask('browsingContext.navigate', { context, url, wait: 'complete' });
    const expression = 'document.documentElement.textContent';
    const evaluation = { expression, target: { context }, awaitPromise: false };
    const { result } = await this.#ask('script.evaluate', evaluation);
    return String((result as { value: unknown }).value);
  }

  #send(method: string, params: object): number {
    this.#socket.send(JSON.stringify({ id: ++this.#last, method, params }));
    return this.#last;
  }

  #ask(method: string, params: object): Promise<Record<string, unknown>> {
    const id = this.#send(method, params);
    return new Promise((resolve, reject) => {
      const read = (data: WebSocket.RawData) => {
        const answer: Message = JSON.parse(String(data));
        if (answer.id !== id) return;
        this.#socket.off('message', read);
        if (answer.type === 'success') resolve(answer.result ?? {});
        else reject(new Error(`${method}: ${answer.message}`));
      };
      this.#socket.on('message', read);
    });
  }
}
