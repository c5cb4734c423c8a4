// Sends random Authorization headers as raw bytes. A request to kpass/http has one or two of them. A
// request to the example has one, and goes over TLS. The answer is 200 if and only if there is one
// header, with the right name and password as RFC 7617 writes them. The answer is never an error of
// the server. KPASS_FUZZ_SECONDS sets the run's length.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { basicAuth } from 'kpass/http';
import { Realm } from 'kpass/testing';
import { Example } from '../../examples/https-basic/run';
import { optionsFor, SERVICE } from '../support/subject';
import { Web } from '../support/web';

const USER = 'alice';
const PASSWORD = 'won:der land ☃';
const RIGHT = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
/** The same account, with its realm. */
const RIGHT_TOO = Buffer.from(`${USER}@EXAMPLE.COM:${PASSWORD}`).toString('base64');
const SECONDS = Number(process.env.KPASS_FUZZ_SECONDS ?? 5);

// RFC 7235, 2.1 and RFC 7617, 2, written independently of the server's code: the scheme in any
// case, spaces, and base64 with its padding, in one spelling only. HTTP trims the value.
function isRight(header: string): boolean {
  const match = /^([A-Za-z]+)( +)([A-Za-z0-9+/]+={0,2})$/.exec(
    header.replace(/^[ \t]+|[ \t]+$/g, ''),
  );
  return match?.[1]?.toLowerCase() === 'basic' && [RIGHT, RIGHT_TOO].includes(match[3] ?? '');
}

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');
const scheme = fc.oneof(
  fc.constantFrom('Basic', 'basic', 'BASIC', 'bAsIc', 'Bearer', 'Negotiate', 'Basi', 'Basicx', ''),
  fc.string({ maxLength: 8 }),
);
const space = fc.constantFrom(' ', '  ', '', '\t', ' \t', '\u00a0', ',', ' ,');
const name = fc.oneof(
  fc.constant(USER),
  fc.constantFrom('Alice', 'alice@EXAMPLE.COM', ''),
  fc.string({ unit: 'grapheme' }),
);
const password = fc.oneof(
  fc.constant(PASSWORD),
  fc.constantFrom('', `${PASSWORD}\0`, `${PASSWORD} `, PASSWORD.normalize('NFD'), 'won'),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const token = fc.oneof(
  fc.constantFrom(RIGHT, RIGHT_TOO),
  fc
    .tuple(name, fc.constantFrom(':', '', '::', '\0:'), password)
    .map((parts) => base64(parts.join(''))),
  fc.uint8Array({ maxLength: 60 }).map(base64),
  fc.string({ maxLength: 60 }),
  // The right header, with a change.
  fc
    .tuple(fc.nat(RIGHT.length), fc.string({ minLength: 0, maxLength: 2 }), fc.nat(2))
    .map(([at, put, cut]) => RIGHT.slice(0, at) + put + RIGHT.slice(at + cut)),
  fc.constantFrom(
    RIGHT.replace(/=+$/, ''),
    `${RIGHT}=`,
    `${RIGHT} `,
    `${RIGHT},`,
    `"${RIGHT}"`,
    `${RIGHT} ${RIGHT}`,
    RIGHT.replaceAll('+', '-').replaceAll('/', '_'),
    base64(`\ufeff${USER}:${PASSWORD}`),
    Buffer.from(`${USER}:${PASSWORD}`, 'latin1').toString('base64'),
    Buffer.from(`${USER}:${PASSWORD}`, 'utf16le').toString('base64'),
    `${USER}:${PASSWORD}`,
  ),
  fc.integer({ min: 1_000, max: 20_000 }).map((length) => base64('x'.repeat(length))),
);
const header = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(scheme, space, token, fc.constantFrom('', ' ', '\t', ';'))
      .map((p) => p.join('')),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
  { weight: 1, arbitrary: fc.constant(`Basic ${RIGHT}`) },
);

describe('Authorization headers', function () {
  this.timeout((SECONDS + 60) * 1_000);

  interface Server {
    port: number;
    /** The certificate, for a server with TLS. */
    ca?: Buffer;
  }
  /** How often the right header, and any header, came to a server. */
  interface Counts {
    runs: number;
    letIn: number;
  }

  let realm: Realm;
  before(async () => {
    realm = await Realm.start({ users: { [USER]: PASSWORD } });
  });
  after(() => realm?.stop());

  /** The status of the answer to a request with these headers, as bytes. */
  function status({ port, ca }: Server, values: readonly string[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const to = { host: '127.0.0.1', port };
      const socket = ca ? tls.connect({ ...to, ca, servername: 'localhost' }) : net.connect(to);
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])));
      const fields = values.map((value) => `Authorization: ${value}\r\n`).join('');
      const head = `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${fields}\r\n`;
      socket.write(Buffer.from(head, 'latin1'));
    });
  }

  async function fuzz(server: Server, headers: fc.Arbitrary<string[]>): Promise<Counts> {
    const counts = { runs: 0, letIn: 0 };
    await fc.assert(
      fc.asyncProperty(headers, async (values) => {
        counts.runs++;
        const got = await status(server, values);
        if (got === 200) counts.letIn++;
        const [sent = '', ...more] = values.map((value) =>
          Buffer.from(value, 'latin1').toString('latin1'),
        );
        // 400 and 431 are Node's own, for a bad header or one that is too long.
        const allowed = more.length === 0 && isRight(sent) ? [200] : [400, 401, 431];
        assert(allowed.includes(got), `${got} for ${JSON.stringify(values)}`);
      }),
      { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: (SECONDS / 2) * 1_000 },
    );
    assert(counts.letIn > 0, 'the right one was never let in: the test shows nothing');
    console.log(`      ${counts.runs} requests, ${counts.letIn} of them right`);
    return counts;
  }

  it('let only the right user in, and break nothing, in kpass/http', async () => {
    const errors: unknown[] = [];
    const note = (message: unknown) => errors.push(message);
    subscribe('kpass:error', note);
    const auth = basicAuth({ ...optionsFor(realm), realm: 'the staff', secure: () => true });
    try {
      await using web = await Web.start(auth, { tls: false });
      const headers = fc.oneof(
        { weight: 4, arbitrary: fc.tuple(header) },
        { weight: 1, arbitrary: fc.tuple(header, header) },
      );
      await fuzz({ port: web.port }, headers);
    } finally {
      unsubscribe('kpass:error', note);
      auth.close();
    }
    assert.deepEqual(errors, [], 'nothing for the operator to read');
  });

  it('let only the right user in, and break nothing, in the example', async () => {
    const env = { ...realm.env, KEYTAB: realm.keytab(SERVICE) };
    await using example = await Example.start(realm.folder, env);
    const { port } = new URL(example.url);
    const ca = await readFile(example.certificate);
    await fuzz({ port: Number(port), ca }, fc.tuple(header));
    assert.equal(example.log, '', 'nothing for the operator to read');
  });
});
