// kpass/redis: the throttle's store in Redis or Valkey, through the caller's own client.

import '../outside.js';
import type { Attempt, Reservation, Terms, ThrottleStore } from '../throttle-store.js';
import { optionsObject, wholeNumber, wrongType } from '../validate.js';
import { type RedisLike, type Send, sendThrough } from './client.js';
import { faultsIn } from './faults.js';
import { SCRIPT, type Script } from './script.js';

export type { RedisLike, Send } from './client.js';

export interface RedisStoreOptions {
  /** The beginning of each key. Default: 'kpass:'. */
  prefix?: string | undefined;
  /**
   * A password goes to the KDC only after so many replicas have its reservation (WAIT). Default: 0. If
   * they do not have it within 100 ms, the request ends with ERR_KPASS_STORE.
   */
  replicas?: number | undefined;
}

const KEYS = ['prefix', 'replicas'] as const;
const MOST_REPLICAS = 100;
/** ms to wait for the replicas. */
const PATIENCE = '100';

/**
 * A store for the throttle of kpass/http that many processes share.
 *
 * @param client of ioredis, iovalkey, redis (node-redis) or `@valkey/valkey-glide`, also for a cluster;
 *   or a function that sends a command. kpass never connects it, and never closes it
 * @throws TypeError (ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE) for anything else
 */
export function redisStore(client: RedisLike | Send, options?: RedisStoreOptions): ThrottleStore {
  const { prefix = 'kpass:', replicas = 0 } = optionsObject('options', options, KEYS);
  if (typeof prefix !== 'string') throw wrongType('prefix', 'a string', prefix);
  const needed = wholeNumber('replicas', replicas, 0, MOST_REPLICAS);
  return new RedisStore(sendThrough(client), prefix, needed);
}

export class RedisStore implements ThrottleStore {
  readonly #send: Send;
  readonly #prefix: string;
  readonly #replicas: number;
  readonly #script: Script;

  constructor(send: Send, prefix: string, replicas: number, script = SCRIPT) {
    this.#send = send;
    this.#prefix = prefix;
    this.#replicas = replicas;
    this.#script = script;
  }

  async reserve(account: string, attempt: Attempt, terms: Terms): Promise<Reservation> {
    const { attempts, lease } = terms;
    const answer = await this.#run('reserve', account, attempt, terms, `${attempts}`, `${lease}`);
    if (answer === 'granted' && this.#replicas > 0) await this.#replicate(account, attempt, terms);
    // The throttle checks it.
    return answer as Reservation;
  }

  async settle(
    account: string,
    attempt: Attempt,
    end: 'wrong' | 'right' | 'none',
    terms: Terms,
  ): Promise<void> {
    await this.#run(end, account, attempt, terms);
  }

  async forget(account: string): Promise<void> {
    const key = this.#prefix + account;
    await this.#send(key, ['DEL', key]);
  }

  /** For doctor: settings of the server with which it forgets. Needs the right to INFO. */
  async faults(): Promise<[detail: string, ...remedy: string[]][]> {
    return faultsIn(String(await this.#send(this.#prefix, ['INFO'])));
  }

  async #run(
    operation: string,
    account: string,
    { id, digest, name }: Attempt,
    { window }: Terms,
    ...more: string[]
  ): Promise<string> {
    const key = this.#prefix + account;
    const { sha1, source } = this.#script;
    const args = ['1', key, operation, id, digest, name, `${window}`, ...more];
    try {
      return String(await this.#send(key, ['EVALSHA', sha1, ...args]));
    } catch (error) {
      // A server that has restarted does not know the script.
      if (!/NO_?SCRIPT/i.test(String(error))) throw error;
      return String(await this.#send(key, ['EVAL', source, ...args]));
    }
  }

  /** A server that dies would take a grant with it that no replica has. */
  async #replicate(account: string, attempt: Attempt, terms: Terms): Promise<void> {
    const wanted = this.#replicas;
    const key = this.#prefix + account;
    const have = Number(await this.#send(key, ['WAIT', `${wanted}`, PATIENCE]));
    if (have >= wanted) return;
    await this.settle(account, attempt, 'none', terms);
    throw new Error(`${have} of ${wanted} replicas have the reservation`);
  }
}
