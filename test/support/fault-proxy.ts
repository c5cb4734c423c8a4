// A proxy on loopback in front of a realm's KDC, for UDP and TCP on one port. It counts the
// messages, and mistreats them as a test asks. So it plays the networks that a test machine lacks.
//
//     const proxy = await FaultProxy.start(realm);
//     await proxy.use('silent');
//     // a client with KRB5_CONFIG=proxy.config now waits for an answer
//     assert.equal(proxy.requests['AS-REQ'], 1);
//     await proxy.stop();

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once, setMaxListeners } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Realm } from 'kpass/testing';
import {
  errorCode,
  krbError,
  type ReplyType,
  type RequestType,
  replyType,
  requestType,
} from './messages';

/** A request on its way to the KDC. */
export interface Request {
  type: RequestType;
  transport: 'udp' | 'tcp';
  bytes: Buffer;
  /** The number of requests so far, with this one. A request that is sent again keeps its number. */
  n: number;
  /** How often the same bytes came before: as a retransmission, or over TCP after UDP. */
  again: number;
}

/** What happens to a request. */
export type Fault =
  /** The request goes to the KDC, and the reply comes back. */
  | 'pass'
  /** The request vanishes; a TCP connection is closed without a reply. */
  | 'drop'
  /** The request vanishes; a TCP connection stays open, without a reply. */
  | 'silent'
  /** A TCP connection is reset. The UDP port is closed while this is the mode. */
  | 'reset'
  /** The reply is 100 meaningless bytes. */
  | 'garbage'
  /** The reply loses its second half. */
  | 'truncated'
  /** The reply comes twice. */
  | 'duplicate'
  /** The reply is the last one of the same type to another request, if there is one. */
  | 'swapped'
  /** The reply comes late, by this number of ms. */
  | { delay: number }
  /** The reply is a KRB-ERROR with this code, forged by the proxy. */
  | { error: number }
  /** The functions change the request and the reply; null drops the reply. */
  | { request?: (request: Buffer) => Buffer; reply: (reply: Buffer) => Buffer | null };

/** One fault for all requests, or a function that chooses for each. */
export type Mode = Fault | ((request: Request) => Fault);

/** The server that a proxy is in front of. */
type Behind = Pick<Realm, 'port' | 'writeConfig'>;

type Answer = Buffer[] | 'close' | 'mute' | 'reset';

const GARBAGE = Buffer.alloc(100, 0xa5);

export class FaultProxy {
  /** The number of different requests since the last reset, by type. */
  requests!: Record<RequestType, number>;
  /** The number of requests that came again, byte for byte. */
  retransmissions!: number;
  /** The number of the KDC's replies, by type, before the proxy changes them. */
  replies!: Record<ReplyType, number>;
  /** The codes of the KDC's errors, in order. */
  errors!: number[];
  /** Every request, in order, with retransmissions. */
  log!: Request[];
  /** Path of a krb5.conf that names this proxy as the realm's only KDC. */
  config = '';

  #realm: Pick<Realm, 'port'>;
  readonly #tcp: Server;
  readonly #clients = new Set<Socket>();
  readonly #upstream = new Set<{ destroy(): void }>();
  readonly #waits = new AbortController();
  #udp: UdpSocket | null = null;
  #mode: Mode = 'pass';
  #seen!: Map<string, Request>;
  readonly #last: Partial<Record<ReplyType, { request: string; reply: Buffer }>> = {};

  private constructor(realm: Behind) {
    this.#realm = realm;
    setMaxListeners(0, this.#waits.signal); // each late reply adds a listener
    this.#tcp = createServer((client) => this.#serve(client));
    this.reset();
  }

  /** Starts a proxy in front of the server that changes the realm's passwords. */
  static beforePasswords(realm: Realm): Promise<FaultProxy> {
    return FaultProxy.start({
      port: realm.passwordPort,
      writeConfig: ({ kdcs = [] } = {}) => realm.writeConfig({ passwordServers: kdcs }),
    });
  }

  /** Starts a proxy that passes all messages. */
  static async start(realm: Behind): Promise<FaultProxy> {
    const proxy = new FaultProxy(realm);
    await proxy.#open();
    proxy.config = await realm.writeConfig({ kdcs: [`127.0.0.1:${proxy.port}`] });
    return proxy;
  }

  /** The proxy's port on 127.0.0.1, for UDP and TCP. */
  get port(): number {
    return (this.#tcp.address() as AddressInfo).port;
  }

  /** Changes the mode for the next requests. */
  async use(mode: Mode): Promise<void> {
    this.#mode = mode;
    if (mode === 'reset') this.#closeUdp();
    else await this.#openUdp();
  }

  /** From now on, this realm's KDC answers. */
  lead(realm: Pick<Realm, 'port'>): void {
    this.#realm = realm;
  }

  /** Forgets all counts and requests. */
  reset(): void {
    this.requests = { 'AS-REQ': 0, 'TGS-REQ': 0, other: 0 };
    this.retransmissions = 0;
    this.replies = { 'AS-REP': 0, 'TGS-REP': 0, 'KRB-ERROR': 0, other: 0 };
    this.errors = [];
    this.log = [];
    this.#seen = new Map();
  }

  /** Closes both ports and every connection. */
  async stop(): Promise<void> {
    this.#waits.abort();
    this.#closeUdp();
    for (const client of this.#clients) client.destroy();
    for (const upstream of this.#upstream) upstream.destroy();
    if (this.#tcp.listening) await once(this.#tcp.close(), 'close');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Takes a free TCP port from the kernel, or another if the UDP port of that number is taken. */
  async #open(): Promise<void> {
    for (;;) {
      await once(this.#tcp.listen(0, '127.0.0.1'), 'listening');
      try {
        return await this.#openUdp();
      } catch {
        await once(this.#tcp.close(), 'close');
      }
    }
  }

  async #openUdp(): Promise<void> {
    if (this.#udp !== null) return;
    const socket = createSocket('udp4').bind(this.port, '127.0.0.1');
    await once(socket, 'listening');
    socket.on('message', async (bytes, { port, address }) => {
      const answer = await this.#answer('udp', bytes);
      if (!Array.isArray(answer) || this.#udp !== socket) return;
      for (const reply of answer) socket.send(reply, port, address);
    });
    this.#udp = socket;
  }

  #closeUdp(): void {
    this.#udp?.close();
    this.#udp = null;
  }

  #serve(client: Socket): void {
    this.#clients.add(client);
    client.on('close', () => this.#clients.delete(client));
    client.on('error', () => {}); // the client sees its error itself
    onFrame(client, async (bytes) => {
      const answer = await this.#answer('tcp', bytes);
      if (answer === 'reset') client.resetAndDestroy();
      else if (answer === 'close') client.end();
      else if (answer !== 'mute') for (const reply of answer) client.write(frame(reply));
    });
  }

  async #answer(transport: 'udp' | 'tcp', bytes: Buffer): Promise<Answer> {
    const request = this.#count(transport, bytes);
    const fault = typeof this.#mode === 'function' ? this.#mode(request) : this.#mode;
    if (fault === 'drop') return 'close';
    if (fault === 'silent') return 'mute';
    if (fault === 'reset') return 'reset';
    if (fault === 'garbage') return [GARBAGE];
    if (typeof fault === 'object' && 'error' in fault) return [krbError(bytes, fault.error)];
    const rewrite = typeof fault === 'object' && 'reply' in fault ? fault.request : undefined;
    const reply = await this.#ask(transport, rewrite?.(bytes) ?? bytes);
    return reply === null ? 'close' : this.#mistreat(request, reply, fault);
  }

  async #mistreat(
    request: Request,
    reply: Buffer,
    fault: Exclude<Fault, 'drop' | 'silent' | 'reset' | 'garbage' | { error: number }>,
  ): Promise<Answer> {
    const other = this.#lastReply(request, reply);
    if (fault === 'pass') return [reply];
    if (fault === 'truncated') return [reply.subarray(0, reply.length / 2)];
    if (fault === 'duplicate') return [reply, reply];
    if (fault === 'swapped') return [other ?? reply];
    if ('delay' in fault) return this.#delay(reply, fault.delay);
    const made = fault.reply(reply);
    return made === null ? 'close' : [made];
  }

  async #delay(reply: Buffer, milliseconds: number): Promise<Answer> {
    try {
      await sleep(milliseconds, undefined, { signal: this.#waits.signal });
      return [reply];
    } catch {
      return 'close'; // the proxy was stopped meanwhile
    }
  }

  /** Remembers the reply, and returns the last one of its type to another request. */
  #lastReply(request: Request, reply: Buffer): Buffer | undefined {
    const type = replyType(reply);
    const key = request.bytes.toString('latin1');
    const last = this.#last[type];
    this.#last[type] = { request: key, reply };
    return last?.request === key ? undefined : last?.reply;
  }

  #count(transport: 'udp' | 'tcp', bytes: Buffer): Request {
    const key = bytes.toString('latin1');
    const type = requestType(bytes);
    const before = this.#seen.get(key);
    if (before) this.retransmissions += 1;
    else this.requests[type] += 1;
    const n = before?.n ?? this.#seen.size + 1;
    const request = { type, transport, bytes, n, again: before ? before.again + 1 : 0 };
    this.#seen.set(key, request);
    this.log.push(request);
    return request;
  }

  /** The KDC's reply; null if the KDC sends none, or if the proxy stops. */
  async #ask(transport: 'udp' | 'tcp', bytes: Buffer): Promise<Buffer | null> {
    const reply = await (transport === 'udp' ? this.#askUdp(bytes) : this.#askTcp(bytes));
    if (reply !== null) {
      this.replies[replyType(reply)] += 1;
      const code = errorCode(reply);
      if (code !== undefined) this.errors.push(code);
    }
    return reply;
  }

  #askUdp(bytes: Buffer): Promise<Buffer | null> {
    const socket = createSocket('udp4');
    const upstream = { destroy: () => this.#upstream.delete(upstream) && socket.close() };
    this.#upstream.add(upstream);
    return new Promise((resolve) => {
      socket.on('close', () => resolve(null));
      socket.on('error', () => upstream.destroy()); // refused: no KDC listens
      socket.on('message', (reply) => {
        resolve(reply);
        upstream.destroy();
      });
      // The socket is connected, or the kernel would not report a refusal.
      socket.connect(this.#realm.port, '127.0.0.1', () => socket.send(bytes));
    });
  }

  #askTcp(bytes: Buffer): Promise<Buffer | null> {
    const socket = connect(this.#realm.port, '127.0.0.1');
    this.#upstream.add(socket);
    return new Promise((resolve) => {
      socket.on('error', () => {}); // 'close' follows
      socket.on('close', () => {
        this.#upstream.delete(socket);
        resolve(null);
      });
      onFrame(socket, async (reply) => {
        resolve(reply);
        socket.destroy();
      });
      socket.write(frame(bytes));
    });
  }
}

/** Over TCP, each message follows its length in four bytes (RFC 4120, section 7.2.2). */
function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

function onFrame(socket: Socket, receive: (message: Buffer) => Promise<void>): void {
  let bytes = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE()) {
      const end = 4 + bytes.readUInt32BE();
      const message = bytes.subarray(4, end);
      bytes = bytes.subarray(end);
      void receive(message);
    }
  });
}
