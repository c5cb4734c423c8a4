// The scheme Negotiate (RFC 4559): the token in a request, which an Acceptor takes or refuses, and the
// token of the answer.

import type { IncomingMessage } from 'node:http';
import type { Acceptor } from '../acceptor.js';
import { propertyOf } from '../validate.js';
import { authorizationOf, hasAuthorization, isFetch } from './authorization.js';
import { channelOf } from './channel.js';
import { says } from './question.js';
import type { AnyRequest, Question } from './request.js';
import { accountOf, type Identified, type Scheme } from './scheme.js';

/** Characters: the base64 of 128 KiB, the longest token that an Acceptor reads, and the scheme's name. */
const MAX_HEADER = 175 * 1024;

const NAME = /^Negotiate(?: |$)/i;
// RFC 4559, 4.2: the token is base64. RFC 9110, 11.2: in one piece, with no parameters after it.
const FORM = /^Negotiate +([A-Za-z0-9+/]+={0,2})$/i;

/** An Acceptor refuses it as malformed, and tells the operator. */
const NO_TOKEN = new Uint8Array();

export class Negotiate implements Scheme {
  readonly name = 'Negotiate';
  readonly challenge = 'Negotiate';
  readonly #acceptor: Acceptor;
  readonly #when: Question;
  readonly #timeout: number | undefined;
  /** By request: its token, and what became of it. */
  #known = new WeakMap<AnyRequest, Known>();

  /** `timeout`: ms for one accept. */
  constructor(acceptor: Acceptor, when: Question, timeout: number | undefined) {
    this.#acceptor = acceptor;
    this.#when = when;
    this.#timeout = timeout;
  }

  /**
   * Not after credentials of any kind: a client would try the same ticket again, or NTLM with the
   * password that was typed for Basic. Over HTTP/2, browsers end the connection at this challenge. A
   * Request of the Fetch API does not show its version, and Headers make one line of two challenges.
   */
  suits(request: AnyRequest): boolean {
    return isHttp1(request) && !hasAuthorization(request) && says(this.#when, request);
  }

  async identify(request: AnyRequest): Promise<Identified | null> {
    const header = authorizationOf(request, MAX_HEADER);
    if (header === null || !NAME.test(header)) return null;
    const known = this.#known.get(request);
    if (known?.header === header) return known.identified;
    const identified = this.#accept(request, header);
    this.#known.set(request, { header, identified });
    // After an error, the server may try again.
    identified.catch(() => this.#known.delete(request));
    return identified;
  }

  async #accept(request: AnyRequest, header: string): Promise<Identified> {
    const terms = { bindings: channelOf(request), timeout: this.#timeout };
    const acceptance = await this.#acceptor.accept(tokenOf(header), terms);
    if (!acceptance.accepted) return acceptance.reason;
    const { principal, realm, reply } = acceptance;
    const account = accountOf(principal, realm);
    if (reply === null) return { account };
    const answer = `Negotiate ${Buffer.from(reply).toString('base64')}`;
    return { account, headers: { 'WWW-Authenticate': answer } };
  }

  get stats(): { accepted: number; refused: number } {
    const { accepted, refused } = this.#acceptor.stats;
    return { accepted, refused };
  }

  close(): Promise<void> {
    this.#known = new WeakMap();
    return this.#acceptor.close();
  }
}

/**
 * A token is taken once, but a server may check one request twice: in a middleware for all paths, and in
 * one for some.
 */
interface Known {
  readonly header: string;
  readonly identified: Promise<Identified>;
}

function tokenOf(header: string): Uint8Array {
  const token = FORM.exec(header)?.[1];
  if (token === undefined) return NO_TOKEN;
  const bytes = Buffer.from(token, 'base64');
  // RFC 4648, 3.5: bytes have one spelling only. Node reads others.
  return bytes.toString('base64') === token ? bytes : NO_TOKEN;
}

function isHttp1(request: AnyRequest): boolean {
  if (isFetch(request)) return false;
  // A framework's own tests may make a request without a network, and without a version.
  const version = propertyOf(request as IncomingMessage, 'httpVersion') ?? '1.1';
  return typeof version === 'string' && version.startsWith('1.');
}
