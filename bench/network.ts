// The network in front of the KDC: bench/proxy.cc. A scenario makes it slow or silent.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Realm } from 'kpass/testing';

export class Network implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  port = 0;

  private constructor(realm: Realm) {
    const program = join(__dirname, '../build-bench/proxy');
    this.#child = spawn(program, [String(realm.port)], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new TypeError('no pipe');
    this.#lines = createInterface(this.#child.stdout);
  }

  static async start(realm: Realm): Promise<Network> {
    const network = new Network(realm);
    const [line] = await once(network.#lines, 'line');
    network.port = Number(line);
    return network;
  }

  get kdc(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** From now on, each reply comes this many ms late. */
  async delay(milliseconds: number): Promise<void> {
    this.#child.stdin?.write(`${milliseconds}\n`);
    await once(this.#lines, 'line');
  }

  /** From now on, messages vanish; TCP still connects, but no reply comes. */
  silence(): Promise<void> {
    return this.delay(-1);
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await once(this.#child, 'exit');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
