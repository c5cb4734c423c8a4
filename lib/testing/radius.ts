// A stand-in for the RADIUS server (RFC 2865) that MIT's KDC asks whether a token's value is right. It
// accepts the values that a test names, each once.

import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const ACCESS_REQUEST = 1;
const ACCESS_ACCEPT = 2;
const ACCESS_REJECT = 3;
const USER_NAME = 1;
const USER_PASSWORD = 2;
const HEADER = 20;

const md5 = (...parts: (Buffer | string)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('md5')).digest();

/** What users' tokens show. */
export interface Tokens {
  /** From now on, the user's token shows this value. It serves once. */
  allow(user: string, value: string): void;
  /** The user and the value of each login by a token so far: 'alice:123456'. */
  readonly asked: readonly string[];
}

export class Radius implements Tokens {
  readonly asked: string[] = [];
  readonly #socket: Socket;
  readonly #secret: string;
  readonly #valid = new Map<string, Set<string>>();

  private constructor(socket: Socket, secret: string) {
    this.#socket = socket;
    this.#secret = secret;
    socket.on('message', (request, { port, address }) => {
      const reply = this.#answer(request);
      if (reply !== null) socket.send(reply, port, address);
    });
  }

  /** It must not keep the process alive: the realm's owner may forget to stop it. */
  static async start(): Promise<Radius> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Radius(socket.unref(), randomBytes(16).toString('hex'));
  }

  /** Writes the secret into the realm's folder. Resolves to kdc.conf's lines about this server. */
  async writeConfig(folder: string): Promise<string> {
    const file = join(folder, 'radius');
    await writeFile(file, this.#secret, { mode: 0o600 });
    return `[otp]
  DEFAULT = {
    server = 127.0.0.1:${this.#socket.address().port}
    secret = ${file}
    timeout = 3
    retries = 1
    strip_realm = true
  }
`;
  }

  allow(user: string, value: string): void {
    const values = this.#valid.get(user) ?? new Set();
    this.#valid.set(user, values.add(value));
  }

  stop(): void {
    this.#socket.close();
  }

  #answer(request: Buffer): Buffer | null {
    if (request[0] !== ACCESS_REQUEST) return null;
    const attributes = attributesOf(request);
    const name = attributes.get(USER_NAME)?.toString() ?? '';
    const user = name.replace(/@.*/, '');
    const value = this.#reveal(request, attributes.get(USER_PASSWORD) ?? Buffer.alloc(0));
    this.asked.push(`${user}:${value}`);
    const right = this.#valid.get(user)?.delete(value) ?? false;
    const head = Buffer.from([right ? ACCESS_ACCEPT : ACCESS_REJECT, request[1] ?? 0, 0, HEADER]);
    const authenticator = md5(head, request.subarray(4, HEADER), this.#secret);
    return Buffer.concat([head, authenticator]);
  }

  /** RFC 2865, 5.2. */
  #reveal(request: Buffer, hidden: Buffer): string {
    const clear: Buffer[] = [];
    let before = request.subarray(4, HEADER);
    for (let at = 0; at < hidden.length; at += 16) {
      const block = hidden.subarray(at, at + 16);
      const mask = md5(this.#secret, before);
      clear.push(Buffer.from(block.map((byte, i) => byte ^ (mask[i] ?? 0))));
      before = block;
    }
    return Buffer.concat(clear).toString().replace(/\0+$/, '');
  }
}

function attributesOf(request: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = HEADER; at + 2 <= request.length; ) {
    const [type = 0, length = 0] = request.subarray(at, at + 2);
    if (length < 2) break;
    found.set(type, request.subarray(at + 2, at + length));
    at += length;
  }
  return found;
}
