// Runs an example in a process of its own, and sends it requests. The demo and the tests use it.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

const EXAMPLES = join(__dirname, '..');

/** Ends the example when its stdin ends. Its stdin ends with this process, however that ends. */
const LEASH = 'data:text/javascript,process.stdin.resume().on("end",()=>process.exit())';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Each header line named WWW-Authenticate. */
  challenges: string[];
  body: string;
}

export class Example implements AsyncDisposable {
  /** The file that holds its self-signed certificate. */
  readonly certificate: string;

  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<unknown>;
  #url = '';
  #log = '';

  private constructor(folder: string, env: NodeJS.ProcessEnv, file: string) {
    this.certificate = join(mkdtempSync(join(folder, 'example-')), 'certificate.pem');
    const own = { PORT: '0', CERTIFICATE: this.certificate };
    const loader = file.endsWith('ts') ? ['--import', 'tsx'] : [];
    this.#child = spawn(process.execPath, ['--import', LEASH, ...loader, join(EXAMPLES, file)], {
      env: { ...process.env, ...env, ...own },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#ended = once(this.#child, 'close');
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#log += chunk;
    });
  }

  /**
   * Resolves when the example listens, on a free port of 127.0.0.1. Writes its certificate to a new
   * folder in `folder`, and leaves it there. `file` is a path below examples/.
   */
  static async start(
    folder: string,
    env: NodeJS.ProcessEnv,
    file = 'https-basic/server.mjs',
  ): Promise<Example> {
    const example = new Example(folder, env, file);
    const firstLine = once(createInterface(example.#child.stdout), 'line');
    const [line] = await Promise.race([firstLine, example.#ended.then(() => [])]);
    if (line === undefined) throw new Error(`the example ended at once:\n${example.log}`);
    example.#url = line;
    return example;
  }

  get url(): string {
    return this.#url;
  }

  /** The example's log, as it comes. */
  get stderr(): Readable {
    return this.#child.stderr;
  }

  /** The log so far. It is complete once the example has stopped. */
  get log(): string {
    return this.#log;
  }

  /** Sends one request over TLS. Trusts the example's certificate and no other. */
  async get(authorization?: string): Promise<Answer> {
    const outgoing = request(this.url, {
      ca: await readFile(this.certificate),
      agent: false,
      // Not `localhost`: on some machines it has no address, or another one first.
      host: '127.0.0.1',
      servername: 'localhost',
      headers: authorization === undefined ? {} : { authorization },
    });
    outgoing.end();
    const incoming: IncomingMessage = (await once(outgoing, 'response'))[0];
    const body = await text(incoming);
    const { headers, rawHeaders } = incoming;
    const challenges = rawHeaders.filter(
      (_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === 'www-authenticate',
    );
    return { status: incoming.statusCode ?? 0, headers, challenges, body };
  }

  /** Resolves when the example has ended. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** The Authorization header for a user and a password: both in UTF-8, separated by a colon. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
