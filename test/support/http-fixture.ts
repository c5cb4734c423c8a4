// For the tests of kpass/http: a realm, a proxy that counts the messages to its KDC, and kpass/http
// in front of both.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  type BasicAuth,
  type BasicAuthOptions,
  basicAuth,
  type ErrorMessage,
  type HttpAuth,
  type KerberosAuthOptions,
  kerberosAuth,
} from 'kpass/http';
import { Realm } from 'kpass/testing';
import { FaultProxy } from './fault-proxy';
import { optionsFor } from './subject';
import { type Answer, basic } from './web';

export const USERS = {
  alice: 'wonderland',
  colonel: 'a:b::c:',
  müller: 'straße',
  zoë: 'пароль 密码 🔑',
  'alice/admin': 'looking glass',
  tab: 'a\tb',
  del: 'a\x7fb',
};

export const RIGHT = basic('alice', USERS.alice);
export const WRONG = basic('alice', 'looking-glass');

export const CHALLENGE = 'Basic realm="the staff", charset="UTF-8"';

/** A realm for all tests of one describe(), and a new proxy for each test. */
export class HttpFixture {
  realm!: Realm;
  /** Messages that another test abandoned may still be sent, so each test has a proxy of its own. */
  proxy!: FaultProxy;
  readonly #open: BasicAuth[] = [];

  constructor() {
    before(async () => {
      this.realm = await Realm.start({ users: USERS });
      await this.realm.addUser('expiredpassword', 'wonderland', { state: 'password-expired' });
      await this.realm.addUser('expired', 'wonderland', { state: 'expired' });
      await this.realm.addUser('disabled', 'wonderland', { state: 'disabled' });
    });
    after(() => this.realm?.stop());
    beforeEach(async () => {
      this.proxy = await FaultProxy.start(this.realm);
    });
    afterEach(async () => {
      for (const auth of this.#open.splice(0)) auth.close();
      await this.proxy.stop();
    });
  }

  /** Makes a middleware that asks the KDC through the proxy; it is closed after the test. */
  authFor(more: Partial<BasicAuthOptions> = {}): BasicAuth {
    const config = this.proxy.config;
    // Without armor: its own login would be more messages than the tests expect.
    const options = {
      ...optionsFor(this.realm),
      config,
      fast: 'never',
      realm: 'the staff',
    } as const;
    const auth = basicAuth({ ...options, ...more });
    this.#open.push(auth);
    return auth;
  }

  /** The same with Negotiate. */
  kerberosFor(more: Partial<KerberosAuthOptions> = {}): HttpAuth {
    const config = this.proxy.config;
    const auth = kerberosAuth({ ...optionsFor(this.realm), config, realm: 'the staff', ...more });
    this.#open.push(auth);
    return auth;
  }
}

/** The messages of the channel 'kpass:error' during `run`. */
export async function published(run: () => Promise<unknown>): Promise<ErrorMessage[]> {
  const messages: ErrorMessage[] = [];
  const note = (message: unknown) => messages.push(message as ErrorMessage);
  subscribe('kpass:error', note);
  try {
    await run();
  } finally {
    unsubscribe('kpass:error', note);
  }
  return messages;
}

/** Asserts that an answer is plain text that tells nothing of the error or the user. */
export function assertPlain({ headers, body }: Answer): void {
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
  assert.equal(headers['content-length'], `${Buffer.byteLength(body)}`);
  const sent = `${JSON.stringify(headers)}${body}`;
  assert.doesNotMatch(sent, /krb5|KDC|keytab|ERR_|EXAMPLE|alice|wonder|error|at \S+:\d+/i);
}
