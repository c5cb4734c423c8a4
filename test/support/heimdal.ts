// A Kerberos realm that Heimdal's KDC serves, in a temporary folder and on loopback. It has the
// methods of kpass/testing's Realm that Heimdal supports. It ends with this process, however that
// ends.

import { readFile, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { krb5Conf } from '../../lib/testing/config';
import { LeashedFolder, LeashedProgram } from '../../lib/testing/leash';
import { freePort, isShared } from '../../lib/testing/port';
import { run } from '../../lib/testing/programs';
import { unpackedHeimdal } from './unpacked';

/** Keys that are cheap to make from a password. */
const ENCTYPES = ['aes256-cts-hmac-sha1-96', 'aes128-cts-hmac-sha1-96'] as const;

/** ms for the KDC to open its ports. It needs about 30 ms. */
const READY = 10_000;

/** The number of ports to try: another process may take a free port first. */
const TRIES = 5;

const LONG_AGO = '2001-01-01';

/** The options of kadmin's modify. Heimdal 7.8 cannot lock an account from its command line. */
const STATES = {
  active: [],
  'password-expired': [`--pw-expiration-time=${LONG_AGO}`],
  'must-change': ['--attributes=requires-pw-change'],
  expired: [`--expiration-time=${LONG_AGO}`],
  disabled: ['--attributes=disallow-all-tix'],
} as const satisfies Record<string, readonly string[]>;

const ACTIVE = [
  '--attributes=-disallow-all-tix,-requires-pw-change',
  '--expiration-time=never',
  '--pw-expiration-time=never',
];

/** The state of an account at the KDC. */
export type HeimdalState = keyof typeof STATES;

export interface HeimdalService {
  /** Encryption types of its keys; default those of the realm. `['arcfour-hmac-md5']`: RC4 alone. */
  enctypes?: readonly string[];
  /** More options of kadmin's modify, such as `['--max-ticket-life=1h']`; default none. */
  flags?: readonly string[];
}

export interface HeimdalUser extends HeimdalService {
  password: string;
  /** Default 'active'. */
  state?: HeimdalState;
  /** Other principals of this account, with their realm: 'alice\\@corp.example@EXAMPLE.COM'. */
  aliases?: readonly string[];
}

export interface HeimdalOptions {
  /** The realm; default 'EXAMPLE.COM'. */
  name?: string;
  /** By name: a password, or an object with more. Default none. */
  users?: Readonly<Record<string, string | HeimdalUser>>;
  /** Services, each with a keytab; default ['HTTP/localhost']. */
  services?: readonly string[];
  /** Encryption types of new keys; default the aes-sha1 ones. */
  enctypes?: readonly string[];
  /** More text for krb5.conf, in its own syntax; its values win. Default none. */
  config?: string;
  /** More lines for the [kdc] section of the KDC's own file. Default none. */
  kdcConfig?: string;
}

/** A running realm. A method that changes the realm resolves when the KDC knows of the change. */
export class HeimdalRealm implements AsyncDisposable {
  readonly name: string;
  /** The temporary folder that holds all files of the realm. */
  readonly folder: string;
  /** Path of a krb5.conf for clients of this realm, as MIT's libkrb5 reads it. */
  readonly config: string;

  readonly #options: HeimdalOptions;
  readonly #heimdal = unpackedHeimdal();
  readonly #folder: LeashedFolder;
  readonly #keytabs = new Map<string, string>();
  #kdc: LeashedProgram | null = null;
  #port = 0;
  #files = 0;
  #last: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | null = null;

  private constructor(folder: LeashedFolder, options: HeimdalOptions) {
    this.name = options.name ?? 'EXAMPLE.COM';
    this.folder = folder.path;
    this.config = join(folder.path, 'krb5.conf');
    this.#options = options;
    this.#folder = folder;
  }

  /** Starts a realm, and resolves when its KDC answers. If it rejects, it leaves nothing behind. */
  static async start(options: HeimdalOptions = {}): Promise<HeimdalRealm> {
    const prefix = join(await realpath(tmpdir()), 'kpass-heimdal-');
    const realm = new HeimdalRealm(await LeashedFolder.make(prefix), options);
    try {
      await realm.#create();
      await realm.#open();
      return realm;
    } catch (error) {
      await realm.stop();
      throw error;
    }
  }

  /** The KDC's port on 127.0.0.1, for UDP and for TCP. It stays the same for the realm's life. */
  get port(): number {
    return this.#port;
  }

  /** Environment variables for a client in a process of its own. */
  get env(): Record<string, string> {
    const [keytab] = this.#keytabs.values();
    return {
      KRB5_CONFIG: this.config,
      KRB5CCNAME: `FILE:${join(this.folder, 'ccache')}`,
      ...(keytab !== undefined && { KRB5_KTNAME: keytab }),
    };
  }

  /** Path of a service's keytab. Throws an Error for a service not added here. */
  keytab(service: string): string {
    const path = this.#keytabs.get(service);
    if (path === undefined) throw new Error(`Realm ${this.name} has no service ${service}`);
    return path;
  }

  async addUser(
    name: string,
    password: string,
    options: Omit<HeimdalUser, 'password'> = {},
  ): Promise<void> {
    const { state = 'active', aliases = [], flags = [] } = options;
    await this.#add([`--password=${password}`], name, options.enctypes);
    const names = aliases.map((alias) => `--alias=${alias}`);
    await this.#modify(name, [...STATES[state], ...names, ...flags]);
  }

  /** Gives a user another password, as an administrator does. */
  async changePassword(name: string, password: string): Promise<void> {
    await this.kadmin('passwd', `--password=${password}`, name);
  }

  /** Brings a user into another state. */
  async setState(name: string, state: HeimdalState): Promise<void> {
    // kadmin accepts each option only once in a command.
    await this.#modify(name, ACTIVE);
    await this.#modify(name, STATES[state]);
  }

  /** Adds a service with a random key, and its keytab. */
  async addService(service: string, { enctypes, flags = [] }: HeimdalService = {}): Promise<void> {
    await this.#add(['--random-key'], service, enctypes);
    await this.#modify(service, flags);
    this.#keytabs.set(service, await this.writeKeytab(service));
  }

  /** Writes a keytab with the present keys of these principals; resolves to its path. */
  async writeKeytab(...principals: string[]): Promise<string> {
    const path = this.#nextPath('keytab');
    await this.kadmin('ext_keytab', `--keytab=${path}`, ...principals);
    return path;
  }

  /** Writes another krb5.conf for this realm, with more text in its own syntax. */
  async writeConfig(more: string, kdcs: readonly string[] = this.#kdcs()): Promise<string> {
    const path = this.#nextPath('conf');
    await writeFile(path, this.#krb5Conf(more, kdcs));
    return path;
  }

  /** Runs one command of kadmin, word by word; resolves to what it printed. */
  kadmin(...words: string[]): Promise<string> {
    return this.#kadmin(this.#conf, words);
  }

  /** What the KDC has logged so far. */
  async log(): Promise<string> {
    return await readFile(join(this.folder, 'kdc.log'), 'utf8');
  }

  /** Stops the KDC but keeps the realm. The port refuses connections until `startKdc`. */
  async stopKdc(): Promise<void> {
    await this.#kdc?.terminate();
    this.#kdc = null;
  }

  /** Starts the KDC again, on the same port. If the KDC does not run, rejects with its output. */
  async startKdc(): Promise<void> {
    await this.stopKdc();
    const { root, env } = this.#heimdal;
    const address = ['--addresses=127.0.0.1', `--ports=${this.#port}`];
    const command = [join(root, 'usr/lib/heimdal-servers/kdc'), `--config-file=${this.#conf}`];
    // The KDC forks workers. They end when the first process ends, even by SIGKILL.
    const program = new LeashedProgram([...command, ...address], {
      ...env,
      KRB5_CONFIG: this.config,
    });
    this.#kdc = program;
    if (!(await program.prints('KDC worker process started', READY))) {
      throw new Error(`Heimdal's kdc does not run: ${program.output.trim()}`);
    }
    if (!program.output.includes(`listening on IPv4:127.0.0.1 port ${this.#port}/udp`)) {
      throw new Error(`Heimdal's kdc has no port: ${program.output.trim()}`);
    }
    if (await isShared(this.#port)) throw new Error(`Port ${this.#port} has another owner as well`);
  }

  /** Ends the KDC, and removes the folder. May be called twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#kdc?.terminate(); // also waits for the workers
    await this.#last;
    await this.#folder.remove();
  }

  async #create(): Promise<void> {
    await this.#writeConfigs();
    const lives = ['--realm-max-ticket-life=1d', '--realm-max-renewable-life=1w'];
    await this.kadmin('init', ...lives, this.name);
    const { users = {}, services = ['HTTP/localhost'] } = this.#options;
    for (const [name, user] of Object.entries(users)) {
      const { password, ...options } = typeof user === 'string' ? { password: user } : user;
      await this.addUser(name, password, options);
    }
    for (const service of services) await this.addService(service);
  }

  /** Starts the KDC on a free port. If another process takes that port first, tries another one. */
  async #open(): Promise<void> {
    for (let tries = 1; ; tries++) {
      this.#port = await freePort();
      await this.#writeConfigs();
      try {
        return await this.startKdc();
      } catch (error) {
        if (tries === TRIES) throw error;
      }
    }
  }

  /** kadmin makes keys of the types in its configuration. Other types need another configuration. */
  async #add(key: readonly string[], name: string, enctypes?: readonly string[]): Promise<void> {
    let conf = this.#conf;
    if (enctypes !== undefined) {
      conf = this.#nextPath('conf');
      await writeFile(conf, this.#kdcConf(enctypes));
    }
    await this.#kadmin(conf, ['add', '--use-defaults', ...key, name]);
  }

  async #modify(name: string, options: readonly string[]): Promise<void> {
    if (options.length > 0) await this.kadmin('modify', ...options, name);
  }

  /** Runs one kadmin after the other, because each one locks the database. */
  #kadmin(conf: string, words: readonly string[]): Promise<string> {
    const { root, env } = this.#heimdal;
    const program = join(root, 'usr/bin/kadmin.heimdal');
    const args = ['--local', `--realm=${this.name}`, ...words];
    // Not --config-file: it adds to KRB5_CONFIG, and kadmin would make the keys of both files.
    const done = this.#last.then(() => run(program, args, { ...env, KRB5_CONFIG: conf }));
    this.#last = done.catch(() => {});
    return done;
  }

  async #writeConfigs(): Promise<void> {
    await writeFile(this.#conf, this.#kdcConf(this.#options.enctypes ?? ENCTYPES));
    await writeFile(this.config, this.#krb5Conf(this.#options.config ?? '', this.#kdcs()));
  }

  #krb5Conf(more: string, kdcs: readonly string[]): string {
    return krb5Conf(
      [{ name: this.name, kdcs, primary: null, passwordServers: [], hosts: [] }],
      more,
    );
  }

  #kdcConf(enctypes: readonly string[]): string {
    return `[libdefaults]
  default_realm = ${this.name}
  dns_lookup_kdc = false
  allow_weak_crypto = true

[kdc]
  num-kdc-processes = 1
${this.#options.kdcConfig ?? ''}
  database = {
    realm = ${this.name}
    dbname = ${this.folder}/heimdal
    mkey_file = ${this.folder}/m-key
    acl_file = ${this.folder}/kadmind.acl
    log_file = ${this.folder}/database.log
  }

[kadmin]
  default_keys = ${enctypes.map((enctype) => `${enctype}:pw-salt`).join(' ')}

[logging]
  kdc = 0-/FILE:${this.folder}/kdc.log
  kdc = 0-/STDERR
  default = 0-1/FILE:${this.folder}/other.log
`;
  }

  get #conf(): string {
    return join(this.folder, 'heimdal.conf');
  }

  #kdcs(): string[] {
    return [`127.0.0.1:${this.#port}`];
  }

  #nextPath(extension: string): string {
    return join(this.folder, `${++this.#files}.${extension}`);
  }
}
