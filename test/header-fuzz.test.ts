// Authorization headers of every kind, sent as raw bytes over TLS to the example: 200 if and only if
// they hold the right name and password as RFC 7617 writes them; never an error of the server.
// KPASS_FUZZ_SECONDS makes the run that long.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { Realm } from 'kpass/testing';
import { Example } from '../examples/https-basic/run';
import { SERVICE } from './support/subject';

const USER = 'alice';
const PASSWORD = 'won:der land ☃';
const RIGHT = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
const SECONDS = Number(process.env.KPASS_FUZZ_SECONDS ?? 5);

// What RFC 7235, 2.1 and RFC 7617, 2 say, apart from the server's own code: the scheme in any case,
// spaces, and base64 with its padding, in one spelling only. HTTP trims the value.
function isRight(header: string): boolean {
  const match = /^([A-Za-z]+)( +)([A-Za-z0-9+/]+={0,2})$/.exec(
    header.replace(/^[ \t]+|[ \t]+$/g, ''),
  );
  return match?.[1]?.toLowerCase() === 'basic' && match[3] === RIGHT;
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
  fc.constant(RIGHT),
  fc
    .tuple(name, fc.constantFrom(':', '', '::', '\0:'), password)
    .map((parts) => base64(parts.join(''))),
  fc.uint8Array({ maxLength: 60 }).map(base64),
  fc.string({ maxLength: 60 }),
  // The right one, with something done to it.
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

  let realm: Realm;
  let example: Example;
  let certificate: Buffer;
  before(async () => {
    realm = await Realm.start({ users: { [USER]: PASSWORD } });
    example = await Example.start(realm.folder, { ...realm.env, KEYTAB: realm.keytab(SERVICE) });
    certificate = await readFile(example.certificate);
  });
  after(async () => {
    await example?.stop();
    await realm?.stop();
  });

  /** The status of the answer to a request with this header, as bytes. */
  function status(value: string): Promise<number> {
    const { port } = new URL(example.url);
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: Number(port), ca: certificate };
      const socket = connect({ ...options, servername: 'localhost' });
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])));
      const head = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: ';
      socket.write(Buffer.from(`${head}${value}\r\n\r\n`, 'latin1'));
    });
  }

  it('let in nobody but the right one, and break nothing', async () => {
    let runs = 0;
    let letIn = 0;
    await fc.assert(
      fc.asyncProperty(header, async (value) => {
        runs++;
        const sent = Buffer.from(value, 'latin1').toString('latin1');
        const got = await status(value);
        if (got === 200) letIn++;
        // 400 and 431 are Node's own: no header at all, or too much of one.
        const allowed = isRight(sent) ? [200] : [400, 401, 431];
        assert(allowed.includes(got), `${got} for ${JSON.stringify(sent)}`);
      }),
      { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: SECONDS * 1_000 },
    );
    assert(letIn > 0, 'the right one was never let in: the test shows nothing');
    assert.equal(example.log, '', 'nothing for the operator to read');
    console.log(`      ${runs} headers, ${letIn} of them right`);
  });
});
