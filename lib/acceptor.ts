// Acceptor: logs users in by their tickets. A client sends its ticket in a token of Negotiate; no
// password is sent, and no KDC is asked.

import { isUint8Array } from 'node:util/types';
import type { Acceptance } from './acceptance.js';
import { accept } from './accepts.js';
import { binding, type NativeAcceptorSettings, type NativeSettings, type Pool } from './binding.js';
import { KpassError } from './errors.js';
import { nativeSettings } from './native-settings.js';
import { OpenCalls } from './open-calls.js';
import { checkAcceptOptions, checkSettings, type Settings } from './settings.js';
import { traceAccept } from './tracing.js';
import { nonEmptyText, optionsObject, texts, wrongType, wrongValue } from './validate.js';
import type { VerifierOptions } from './verifier.js';

export interface AcceptorOptions
  extends Pick<VerifierOptions, 'service' | 'host' | 'keytab' | 'realms' | 'config' | 'trace'> {
  /**
   * Hosts in place of `host`, for a service with several names: a ticket for any of them is accepted.
   * 'any': all hosts of the service's realm with a key in the keytab.
   */
  hosts?: readonly string[] | 'any' | undefined;
  /**
   * Whether a client must be bound to the channel that `accept` gets (RFC 5929). 'off': no, for a
   * server behind a proxy that ends TLS. Default, 'allow': a client that is bound to another channel is
   * refused. 'require': a client that is bound to no channel is refused too.
   */
  bindings?: 'off' | 'allow' | 'require' | undefined;
  /**
   * Accept each token once. Default: true. The process remembers the last 100,000 tokens, and no other
   * process knows them. False: for a server behind a proxy that repeats requests.
   */
  replay?: boolean | undefined;
}

export interface AcceptOptions {
  /** When it is aborted, the promise rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** ms for this accept, including the wait for a thread. Default: 10,000. */
  timeout?: number | undefined;
  /**
   * The channel of the token (RFC 5929): 'tls-server-end-point:' and the hash of the server's
   * certificate. Default, null: unknown.
   */
  bindings?: Uint8Array | null | undefined;
}

export interface AcceptorStats {
  /** All threads: at work and idle. */
  threads: number;
  /** Accepts in progress. */
  active: number;
  /** Accepts that wait for a thread. */
  queued: number;
  /** Tokens accepted since the acceptor was made. */
  accepted: number;
  /** Tokens refused since then. */
  refused: number;
  /** Rejections since then. */
  failed: number;
}

/** An accept takes some 50 µs. The second thread is for a keytab on a slow file system. */
const THREADS = 2;
const QUEUE = 1024;

const ACCEPTOR_KEYS = [
  'service',
  'host',
  'keytab',
  'realms',
  'config',
  'trace',
  'hosts',
  'bindings',
  'replay',
] as const;
const ACCEPT_KEYS = ['signal', 'timeout', 'bindings'] as const;

/**
 * Accepts tickets for one service. It has its own threads: no accept waits for a login at a KDC.
 *
 * @throws TypeError (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE) for options that can never work
 */
export class Acceptor {
  readonly #settings: Settings;
  /** The settings for each host. */
  readonly #services: readonly Settings[];
  readonly #rules: Rules;
  readonly #pool: Pool;
  readonly #counts = { accepted: 0, refused: 0, failed: 0 };
  #native: { services: NativeSettings[]; settings: NativeAcceptorSettings } | undefined;
  readonly #open = new OpenCalls();
  #closed = false;

  constructor(options: AcceptorOptions) {
    const {
      hosts: names,
      bindings,
      replay,
      ...given
    } = optionsObject('options', options ?? null, ACCEPTOR_KEYS);
    this.#settings = checkSettings(given);
    this.#rules = checkRules(names, bindings, replay);
    const { hosts } = this.#rules;
    this.#services = Array.isArray(hosts)
      ? hosts.map((each) => ({ ...this.#settings, host: each }))
      : [this.#settings];
    this.#pool = binding.createPool(THREADS, QUEUE);
  }

  /**
   * Verifies with the service's key that the client has the ticket in the token.
   *
   * @param token the bytes of `Authorization: Negotiate …`, decoded: SPNEGO, or Kerberos alone; read
   *   before this returns
   * @returns the acceptance. A client can cause only a refusal. Rejects with a {@link KpassError} for
   *   the operator's faults (keytab, krb5.conf, too many accepts at once), with the signal's reason if
   *   the signal is aborted, and with a TypeError for arguments of the wrong type.
   */
  accept(token: Uint8Array, options?: AcceptOptions): Promise<Acceptance> {
    try {
      if (!isUint8Array(token)) throw wrongType('token', 'a Uint8Array', token);
      const { bindings: channel, ...call } = optionsObject('options', options, ACCEPT_KEYS);
      const { signal, timeout = this.#settings.timeout } = checkAcceptOptions(call);
      const bindings = checkChannel(channel);
      if (this.#closed) {
        throw new KpassError('ERR_KPASS_CLOSED', 'the acceptor is closed', { step: 'close' });
      }
      const settings = this.#settings;
      const terms = { settings, timeout, signal, counts: this.#counts, open: this.#open };
      const native = this.#nativeSettings();
      return traceAccept(settings, () => accept(this.#pool, terms, native, token, bindings));
    } catch (error) {
      this.#counts.failed++;
      return Promise.reject(error);
    }
  }

  /** The numbers of threads, of pending accepts, and of those that have ended. */
  get stats(): AcceptorStats {
    const { threads, active, queued } = binding.poolStats(this.#pool);
    return { threads, active, queued, ...this.#counts };
  }

  /**
   * Ends the acceptor. Pending accepts settle; later ones reject with ERR_KPASS_CLOSED.
   *
   * @returns resolves when none is pending
   */
  close(): Promise<void> {
    this.#closed = true;
    binding.closePool(this.#pool);
    return this.#open.none();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Makes new settings after a change of KRB5_CONFIG. */
  #nativeSettings(): NativeAcceptorSettings {
    const services = this.#services.map(nativeSettings);
    const last = this.#native;
    if (last !== undefined && services.every((each, i) => each === last.services[i])) {
      return last.settings;
    }
    const { hosts, bindings, replay } = this.#rules;
    const settings = binding.acceptorSettings(services, hosts === 'any', bindings, replay);
    this.#native = { services, settings };
    return settings;
  }
}

interface Rules {
  readonly hosts: readonly string[] | 'any' | undefined;
  readonly bindings: 'off' | 'allow' | 'require';
  readonly replay: boolean;
}

function checkRules(hosts: unknown, bindings: unknown = 'allow', replay: unknown = true): Rules {
  if (typeof replay !== 'boolean') throw wrongType('replay', 'a boolean', replay);
  return { hosts: checkHosts(hosts), bindings: checkBindings(bindings), replay };
}

function checkHosts(value: unknown): Rules['hosts'] {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') return texts('hosts', value);
  if (nonEmptyText('hosts', value) === 'any') return 'any';
  throw wrongValue('hosts', "must be an array of strings, or 'any'", value);
}

function checkBindings(value: unknown): Rules['bindings'] {
  if (typeof value !== 'string') throw wrongType('bindings', 'a string', value);
  if (value === 'off' || value === 'allow' || value === 'require') return value;
  throw wrongValue('bindings', "must be 'off', 'allow' or 'require'", value);
}

function checkChannel(value: unknown): Uint8Array | null {
  if (value === undefined || value === null) return null;
  if (!isUint8Array(value)) throw wrongType('bindings', 'a Uint8Array or null', value);
  return value;
}
