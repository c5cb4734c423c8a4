// A realm whose users have tokens: MIT's KDC asks a RADIUS server (RFC 2865) for each value. The server
// here is a stand-in. It accepts the values that a test names, each once.

import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Realm, type RealmOptions } from 'kpass/testing';

const ACCESS_REQUEST = 1;
const ACCESS_ACCEPT = 2;
const ACCESS_REJECT = 3;
const USER_NAME = 1;
const USER_PASSWORD = 2;
const HEADER = 20;

const md5 = (...parts: (Buffer | string)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('md5')).digest();

export class Radius {
  /** The values that were asked for, in order: 'alice:123456'. */
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

  static async start(secret: string): Promise<Radius> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Radius(socket, secret);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** From now on, the user may log in with this value, once. */
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

export interface OtpRealm extends AsyncDisposable {
  realm: Realm;
  radius: Radius;
  /** Adds a user who must give a token's value, and has no password at the KDC. */
  addTokenUser(name: string): Promise<void>;
  /** Lets a user of the realm give a token's value in place of the password. */
  allowToken(name: string): Promise<void>;
}

/** Needs MIT's plugin for OTP (krb5-otp). */
export async function startOtpRealm(options: RealmOptions = {}): Promise<OtpRealm> {
  const secret = randomBytes(16).toString('hex');
  const radius = await Radius.start(secret);
  const secretFile = join(tmpdir(), `kpass-radius-${process.pid}-${radius.port}`);
  await writeFile(secretFile, secret, { mode: 0o600 });
  const realm = await Realm.start({
    ...options,
    kdcConfig: `[otp]
  DEFAULT = {
    server = 127.0.0.1:${radius.port}
    secret = ${secretFile}
    timeout = 3
    retries = 1
    strip_realm = true
  }`,
  });
  const allowToken = async (name: string) => {
    await realm.kadmin('setstr', name, 'otp', '[{"type":"DEFAULT"}]');
  };
  return {
    realm,
    radius,
    allowToken,
    async addTokenUser(name) {
      await realm.kadmin('addprinc', '-nokey', '+requires_preauth', name);
      await allowToken(name);
    },
    async [Symbol.asyncDispose]() {
      await realm.stop();
      radius.stop();
      await rm(secretFile, { force: true });
    },
  };
}
