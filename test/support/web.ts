// A web server behind kpass/http. It can send itself requests, even requests that no browser sends.

import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { BasicAuth } from 'kpass/http';
import { generate } from 'selfsigned';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Of each header line named WWW-Authenticate. */
  challenges: string[];
  body: string;
}

/** The value of an Authorization header: the user, a colon and the password, in UTF-8. */
export function basic(user: string, password: string): string {
  return `Basic ${base64(`${user}:${password}`)}`;
}

export function base64(bytes: string | Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** The page, which names the user who was let in. */
export const page: http.RequestListener = (request, response) => {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(request.kpass));
};

let made: ReturnType<typeof generate> | undefined;

/** A key and its certificate for localhost. Both are made once. */
export async function certificate(): Promise<{ key: string; cert: string }> {
  made ??= generate([{ name: 'commonName', value: 'localhost' }], { algorithm: 'sha256' });
  const { private: key, cert } = await made;
  return { key, cert };
}

export interface WebOptions {
  /** Default true. */
  tls?: boolean;
  /** The handler for requests that were let in. Default: `page`. */
  handler?: http.RequestListener;
  /** Options for the server; with TLS, a key and a certificate in place of the one for localhost. */
  server?: https.ServerOptions;
}

/** The value of each header line with this name, as the bytes on the wire have them. */
export function linesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);
}

/** node:https, or node:http, with kpass/http as its only middleware. */
export class Web implements AsyncDisposable {
  readonly #server: http.Server;
  readonly #agent: http.Agent;
  readonly #tls: boolean;

  private constructor(server: http.Server, agent: http.Agent, tls: boolean) {
    this.#server = server;
    this.#agent = agent;
    this.#tls = tls;
  }

  static async start(auth: BasicAuth, options: WebOptions = {}): Promise<Web> {
    const { tls = true, handler = page } = options;
    const listener: http.RequestListener = (request, response) =>
      auth(request, response, () => handler(request, response));
    let server: http.Server;
    let agent: http.Agent;
    if (tls) {
      const pair = await certificate();
      const settings = { ...pair, ...options.server };
      server = https.createServer(settings, listener);
      const ca = settings.cert as string;
      agent = new https.Agent({ keepAlive: true, ca, servername: 'localhost' });
    } else {
      server = http.createServer({ ...options.server }, listener);
      agent = new http.Agent({ keepAlive: true });
    }
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new Web(server, agent, tls);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Sends a request, with one Authorization field for each header given. */
  request(
    authorization?: string | readonly string[],
    headers: http.OutgoingHttpHeaders = {},
  ): http.ClientRequest {
    const protocol = this.#tls ? https : http;
    const request = protocol.request({
      host: '127.0.0.1',
      port: this.port,
      agent: this.#agent,
      headers: {
        ...headers,
        // No honest client sends more than one; the types do not have it.
        ...(authorization !== undefined && { authorization: authorization as string }),
      },
    });
    request.end();
    return request;
  }

  async get(
    authorization?: string | readonly string[],
    headers?: http.OutgoingHttpHeaders,
  ): Promise<Answer> {
    const [incoming]: IncomingMessage[] = await once(
      this.request(authorization, headers),
      'response',
    );
    if (incoming === undefined) throw new Error('no response');
    const body = await text(incoming);
    const challenges = linesOf(incoming, 'www-authenticate');
    return { status: incoming.statusCode ?? 0, headers: incoming.headers, challenges, body };
  }

  /** The status of the answer. */
  async status(...args: Parameters<Web['get']>): Promise<number> {
    return (await this.get(...args)).status;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
