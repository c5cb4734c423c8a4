// The recipes for forms, WebSocket and the Fetch API, each with its real package, in a real realm.

import { deepEqual, doesNotMatch, equal, match, rejects } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import type { ConnectionOptions } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { io, type Socket } from 'socket.io-client';
import WebSocket from 'ws';
import { basic, Example } from '../../examples/https-basic/run';
import { SERVICE } from '../support/subject';

const EXAMPLES = join(__dirname, '../../examples');

/** What a form sends for these fields. */
const fields = (user: string, password: string) =>
  new URLSearchParams({ user, username: user, password }).toString();

type Tuple = [IncomingMessage, IncomingMessage, IncomingMessage, IncomingMessage];

/** What a Socket.IO server says first. Rejects with the error if it does not let the client in. */
const welcome = (socket: Socket) =>
  new Promise<string>((resolve, reject) => {
    socket.once('welcome', resolve);
    socket.once('connect_error', reject);
  });

describe('the recipes', () => {
  let realm: Realm;
  let env: Record<string, string>;
  let example: Example;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' }, services: [SERVICE] });
    env = { ...realm.env, KEYTAB: realm.keytab(SERVICE) };
  });
  after(() => realm?.stop());
  afterEach(() => example?.stop());

  const start = async (file: string) => {
    example = await Example.start(realm.folder, env, file);
  };

  /** Runs a program that imports an example without a server. */
  const run = (program: string, more: object = {}, argument: unknown = null) =>
    promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', program, JSON.stringify(argument)],
      { cwd: EXAMPLES, env: { ...process.env, ...env, ...more, NODE_OPTIONS: '' } },
    );

  async function send(
    path: string,
    body?: string,
    headers: OutgoingHttpHeaders = {},
  ): Promise<IncomingMessage> {
    const outgoing = request(new URL(path, example.url), {
      method: body === undefined ? 'GET' : 'POST',
      ca: await readFile(example.certificate),
      agent: false,
      host: '127.0.0.1',
      servername: 'localhost',
      headers: {
        ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
    });
    outgoing.end(body);
    return (await once(outgoing, 'response'))[0];
  }

  async function answerTo(path: string, body: string): Promise<[number | undefined, string]> {
    const answer = await send(path, body);
    return [answer.statusCode, await text(answer)];
  }

  const strange = [
    '',
    'user=alice',
    'user[a]=alice&password=x',
    'user=a&user=b&password=wonderland',
  ];

  it('of Express log in by a form, into a new session', async () => {
    await start('express-form.mjs');
    equal((await send('/')).statusCode, 401);
    const welcome = await send('/login', fields('alice', 'wonderland'));
    equal(welcome.statusCode, 303);
    const [cookie = ''] = welcome.headers['set-cookie'] ?? [];
    match(cookie, /; HttpOnly; Secure; SameSite=Lax$/);
    const page = await send('/', undefined, { cookie: cookie.split(';')[0] });
    equal(await text(page), 'Welcome, alice@EXAMPLE.COM.');
    for (const body of [fields('alice', 'queen'), ...strange]) {
      deepEqual(await answerTo('/login', body), [401, 'This name and password do not log in.']);
    }
    await realm.stopKdc();
    try {
      const [status, said] = await answerTo('/login', fields('alice', 'rabbit'));
      equal(status, 503);
      doesNotMatch(said, /KDC|krb5/);
    } finally {
      await realm.startKdc();
    }
    await example.stop();
    match(example.log, /ERR_KPASS_KDC/);
    doesNotMatch(example.log, /wonderland|queen|rabbit/);
  });

  it('of Express log in by ticket once, into a new session', async () => {
    await start('express-session.mjs');
    equal((await send('/')).statusCode, 401);
    const ticket = async () =>
      `Negotiate ${Buffer.from(await realm.token('alice', SERVICE)).toString('base64')}`;
    const planted = 'connect.sid=planted';
    const token = await ticket();
    const welcome = await send('/', undefined, { cookie: planted, authorization: token });
    equal(await text(welcome), 'Welcome, alice@EXAMPLE.COM.');
    const [cookie = ''] = welcome.headers['set-cookie'] ?? [];
    match(cookie, /; HttpOnly; Secure; SameSite=Lax$/);
    const page = await send('/', undefined, { cookie: cookie.split(';')[0] });
    equal(await text(page), 'Welcome, alice@EXAMPLE.COM.');
    for (const headers of [{ cookie: planted }, { authorization: token }, {}]) {
      const refused = await send('/', undefined, headers);
      equal(refused.statusCode, 401);
      equal(refused.headers['set-cookie'], undefined);
    }
  });

  it('of Passport log in by a form', async () => {
    await start('passport-form.mjs');
    const right = await answerTo('/login', fields('alice', 'wonderland'));
    deepEqual(right, [200, 'Welcome, alice@EXAMPLE.COM.']);
    equal((await answerTo('/login', fields('alice', 'queen')))[0], 401);
    for (const body of strange) {
      const [status = 0] = await answerTo('/login', body);
      equal(status === 400 || status === 401, true, `${status} for ${body}`);
    }
  });

  it('of ws open a WebSocket for a user, and for nobody else', async () => {
    await start('websocket.mjs');
    const ca = await readFile(example.certificate);
    const url = example.url.replace('https:', 'wss:').replace('localhost', '127.0.0.1');
    const tls: ConnectionOptions = { ca, servername: 'localhost' };
    const open = (headers: Record<string, string>) => new WebSocket(url, { ...tls, headers });
    const client = open({ authorization: basic('alice', 'wonderland') });
    const [message] = await once(client, 'message');
    equal(String(message), 'Welcome, alice@EXAMPLE.COM.');
    client.close();
    for (const headers of [{}, { authorization: basic('alice', 'queen') }]) {
      const refused = open(headers);
      refused.on('error', () => {});
      const [, answer] = await once(refused, 'unexpected-response');
      equal(answer.statusCode, 401);
      match(answer.headers['www-authenticate'], /^Basic realm="EXAMPLE\.COM"/);
    }
  });

  /** The answers to no password, a wrong one, the right one, and a stopped KDC. */
  async function answers(path: string): Promise<IncomingMessage[]> {
    const none = await send(path);
    const wrong = await ask(path, 'queen');
    const right = await ask(path, 'wonderland');
    await realm.stopKdc();
    const silent = await ask(path, 'rabbit').finally(() => realm.startKdc());
    return [none, wrong, right, silent];
  }

  const ask = (path: string, password: string) =>
    send(path, undefined, { authorization: basic('alice', password) });

  it('of NestJS guard a controller', async () => {
    await start('nest.mts');
    const all = await answers('/');
    deepEqual(
      all.map(({ statusCode }) => statusCode),
      [401, 401, 200, 503],
    );
    const [none, wrong, right, silent] = all as Tuple;
    for (const { headers } of [none, wrong]) {
      match(headers['www-authenticate'] ?? '', /^Basic realm="EXAMPLE\.COM"/);
    }
    equal(await text(right), 'Welcome, alice@EXAMPLE.COM.');
    deepEqual(
      [silent.headers['retry-after'], silent.headers['www-authenticate']],
      ['5', undefined],
    );
    doesNotMatch(await text(silent), /KDC|krb5/);
    await example.stop();
    match(example.log, /ERR_KPASS_KDC/);
    doesNotMatch(example.log, /wonderland|queen|rabbit/);
  });

  it('of tRPC give a procedure its user', async () => {
    await start('trpc.mts');
    const all = await answers('/welcome');
    deepEqual(
      all.map(({ statusCode }) => statusCode),
      [401, 401, 200, 503],
    );
    const [, , right, silent] = all as Tuple;
    deepEqual(await json(right), { result: { data: 'Welcome, alice@EXAMPLE.COM.' } });
    doesNotMatch(await text(silent), /KDC|krb5/);
    await example.stop();
    match(example.log, /ERR_KPASS_KDC/);
    doesNotMatch(example.log, /wonderland|queen|rabbit/);
  });

  for (const transport of ['polling', 'websocket']) {
    it(`of Socket.IO let in a user by ${transport}, and nobody else`, async () => {
      await start('socket-io.mjs');
      const ca = await readFile(example.certificate);
      const url = example.url.replace('localhost', '127.0.0.1');
      const open = (namespace: string, extraHeaders: Record<string, string>) => {
        const tls = { ca: String(ca), servername: 'localhost' };
        return io(`${url}${namespace}`, {
          ...tls,
          transports: [transport],
          extraHeaders,
          forceNew: true,
          reconnection: false,
        });
      };
      const socket = open('', { authorization: basic('alice', 'wonderland') });
      equal(await welcome(socket), 'Welcome, alice@EXAMPLE.COM.');
      socket.close();
      for (const namespace of ['', 'another']) {
        for (const headers of [{}, { authorization: basic('alice', 'queen') }]) {
          const refused = open(namespace, headers);
          await rejects(welcome(refused), { type: 'TransportError' });
          refused.close();
        }
      }
    });
  }

  it('of Auth.js log in by its form', async () => {
    const program = `
      import { GET, POST } from '${pathToFileURL(join(EXAMPLES, 'authjs.mjs'))}';
      const url = 'https://localhost/api/auth';
      const token = await GET(new Request(url + '/csrf'));
      const [cookie] = token.headers.getSetCookie()[0].split(';');
      const { csrfToken } = await token.json();
      const answers = [];
      for (const fields of JSON.parse(process.argv[1])) {
        const body = new URLSearchParams({ csrfToken, ...fields });
        const answer = await POST(
          new Request(url + '/callback/credentials', { method: 'POST', body, headers: { cookie } }),
        );
        const { searchParams } = new URL(answer.headers.get('location'));
        const headers = { cookie: answer.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ') };
        const session = await GET(new Request(url + '/session', { headers }));
        answers.push([searchParams.get('error'), (await session.json())?.user?.name ?? null]);
      }
      console.log(JSON.stringify(answers));`;
    const logIn = async (...forms: object[]) => {
      const { stdout, stderr } = await run(program, { AUTH_SECRET: 'a secret' }, forms);
      doesNotMatch(stderr, /wonderland|queen|rabbit/);
      return [JSON.parse(stdout), stderr];
    };
    const right = { user: 'alice', password: 'wonderland' };
    const [known] = await logIn(right, { ...right, password: 'queen' }, { user: 'alice' }, {});
    deepEqual(known, [
      [null, 'alice@EXAMPLE.COM'],
      ['CredentialsSignin', null],
      ['CredentialsSignin', null],
      ['CredentialsSignin', null],
    ]);
    await realm.stopKdc();
    const [silent, log] = await logIn({ ...right, password: 'rabbit' }).finally(() =>
      realm.startKdc(),
    );
    deepEqual(silent, [['Configuration', null]]);
    match(log, /KDC/);
  });

  it('of a route handler take a Request that came over TLS', async () => {
    const program = `
      import { GET } from '${pathToFileURL(join(EXAMPLES, 'route-handler.mjs'))}';
      const https = { 'x-forwarded-proto': 'https' };
      const right = { authorization: '${basic('alice', 'wonderland')}' };
      const wrong = { authorization: '${basic('alice', 'queen')}' };
      const answers = [];
      for (const headers of [{ ...https, ...right }, { ...https, ...wrong }, https, right]) {
        const answer = await GET(new Request('http://localhost/', { headers }));
        const challenge = answer.headers.get('www-authenticate');
        answers.push([answer.status, challenge !== null, (await answer.text()).slice(0, 26)]);
      }
      console.log(JSON.stringify(answers));`;
    const { stdout } = await run(program);
    const answers: [number, boolean, string][] = JSON.parse(stdout);
    deepEqual(
      answers.map(([status, challenge]) => [status, challenge]),
      [
        [200, false],
        [401, true],
        [401, true],
        [403, false],
      ],
    );
    equal(answers[0]?.[2], 'Welcome, alice@EXAMPLE.COM');
  });
});
