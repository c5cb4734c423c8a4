// A Redis server in a temporary folder, on loopback. It ends with this process, however that ends.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { LeashedFolder, LeashedProgram } from '../../lib/testing/leash';
import { freePort } from '../../lib/testing/port';

const run = promisify(execFile);

/** ms for the server to start, or to load its data. */
const READY = 10_000;

/** The number of ports to try: another process may take a free port first. */
const TRIES = 5;

/** Everything that was written survives SIGKILL. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];
const FORGETFUL = ['--appendonly', 'no', '--save', ''];

export interface RedisOptions {
  /** Whether it remembers after a restart. Default: true. */
  durable?: boolean;
  /** More options of redis-server, such as ['--maxmemory', '2mb']. */
  options?: readonly string[];
  /** The port of the server whose replica it is. */
  replicaOf?: number;
}

/**
 * The server's program. Debian's package redis-tools has it without the service, under another name: the
 * program does what its name says.
 */
function program(): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const name of ['redis-server', 'valkey-server', 'redis-check-rdb']) {
    const found = folders.map((folder) => join(folder, name)).find(existsSync);
    if (found !== undefined) return found;
  }
  throw new Error('there is no redis-server; scripts/setup installs it');
}

export class RedisServer {
  readonly port: number;
  readonly #folder: LeashedFolder;
  readonly #options: readonly string[];
  #program: LeashedProgram | undefined;

  private constructor(port: number, folder: LeashedFolder, options: readonly string[]) {
    this.port = port;
    this.#folder = folder;
    this.#options = options;
  }

  static async start(given: RedisOptions = {}): Promise<RedisServer> {
    const { durable = true, options = [], replicaOf } = given;
    const replica = replicaOf === undefined ? [] : ['--replicaof', '127.0.0.1', `${replicaOf}`];
    const all = [...(durable ? DURABLE : FORGETFUL), ...replica, ...options];
    const folder = await LeashedFolder.make(join(tmpdir(), 'kpass-redis.'));
    await symlink(program(), join(folder.path, 'redis-server'));
    for (let n = 1; ; n++) {
      const server = new RedisServer(await freePort(), folder, all);
      try {
        await server.restart();
        return server;
      } catch (error) {
        if (n === TRIES) throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it again with its data. */
  async restart(): Promise<void> {
    await this.kill();
    const program = new LeashedProgram(
      [
        join(this.#folder.path, 'redis-server'),
        ...['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#folder.path],
        ...['--daemonize', 'no', '--logfile', '', '--repl-diskless-sync-delay', '0'],
        ...this.#options,
      ],
      {},
    );
    this.#program = program;
    if (await program.prints('Ready to accept connections', READY)) return;
    await this.kill();
    throw new Error(`redis-server did not start: ${program.output}`);
  }

  /** Ends it by SIGKILL. */
  async kill(): Promise<void> {
    await this.#program?.kill();
    this.#program = undefined;
  }

  /** Lets it stand still. */
  async pause(): Promise<void> {
    await this.#program?.pause();
  }

  async resume(): Promise<void> {
    await this.#program?.resume();
  }

  /** The answer to a command, as redis-cli prints it. */
  async command(...args: string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-p', `${this.port}`, ...args]);
    return stdout.trim();
  }

  async stop(): Promise<void> {
    await this.kill();
    await this.#folder.remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
