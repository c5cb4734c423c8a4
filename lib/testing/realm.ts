/**
 * A Kerberos realm to test against: MIT's own KDC in a temporary folder, on loopback, as any user.
 * It touches neither /etc nor a service, and is gone when this process is, however that ends.
 */
import { copyFile, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kdcConf, krb5Conf } from './config';
import { LeashedFolder, LeashedProgram } from './leash';
import { freePort, isShared } from './port';
import { find, run } from './programs';

/** Keys that are cheap to make from a password: about 4 ms, against 50 for the aes-sha2 ones. */
const ENCTYPES = ['aes256-cts-hmac-sha1-96', 'aes128-cts-hmac-sha1-96'] as const;

/** Milliseconds for the KDC to be ready; it needs about thirty. */
const READY = 10_000;

/** How often another port is tried when a process that starts at the same time took ours. */
const TRIES = 5;

export interface RealmOptions {
  /** The realm's name; default 'EXAMPLE.COM'. */
  name?: string;
  /** Names and passwords of users that are there from the start; default none. */
  users?: Readonly<Record<string, string>>;
  /** Services that are there from the start, each with a keytab; default ['HTTP/localhost']. */
  services?: readonly string[];
  /** Hosts, and domains with a leading dot, for krb5.conf's [domain_realm]; default none. */
  hosts?: readonly string[];
  /** Encryption types of new keys, as kdc.conf names them; default the two aes-sha1 ones. */
  enctypes?: readonly string[];
  /** The KDC's clock relative to the machine's, as faketime writes it: '-1d', '+10m'. */
  clock?: string;
  /** More text for krb5.conf, in its own syntax; its values win. */
  config?: string;
  /** More text for kdc.conf, in its own syntax; its values win. */
  kdcConfig?: string;
  /**
   * Begin with a copy of this realm's database, as a replica does, in place of `name`, `users` and
   * `services`. Later changes to either one do not reach the other.
   */
  replicaOf?: Realm;
}

/** What is different in a krb5.conf that `Realm.writeConfig` writes. */
export interface ConfigOptions {
  /** KDCs to name, each `host:port`; default the realm's own. */
  kdcs?: readonly string[];
  /** More text for the file, in its own syntax; its values win. Default that of the realm. */
  more?: string;
}

/**
 * A running realm.
 *
 *     const realm = await Realm.start({ users: { alice: 'wonderland' } });
 *     process.env.KRB5_CONFIG = realm.config;
 *     await kpass('alice', 'wonderland', 'HTTP', 'localhost', realm.keytab('HTTP/localhost')); // true
 *     await realm.stop();
 *
 * Names of users and services are principals as Kerberos writes them, without the realm.
 */
export class Realm implements AsyncDisposable {
  /** The realm's name. */
  readonly name: string;
  /** The temporary folder that holds all there is of the realm. */
  readonly folder: string;
  /** Path of a krb5.conf for this realm. */
  readonly config: string;

  readonly #options: RealmOptions;
  readonly #folder: LeashedFolder;
  readonly #keytabs: Map<string, string>;
  #port = 0;
  #configs = 0;
  #kdc: LeashedProgram | null = null;
  #stopped: Promise<void> | null = null;
  #query: Promise<unknown> = Promise.resolve();

  private constructor(folder: LeashedFolder, options: RealmOptions) {
    this.name = options.replicaOf?.name ?? options.name ?? 'EXAMPLE.COM';
    this.folder = folder.path;
    this.config = join(folder.path, 'krb5.conf');
    this.#options = options;
    this.#folder = folder;
    this.#keytabs = new Map(options.replicaOf ? options.replicaOf.#keytabs : []);
  }

  /**
   * Starts a realm and resolves when its KDC answers. Rejects when a program is missing (the message
   * names the packages to install) or refuses its input; nothing is left behind then.
   */
  static async start(options: RealmOptions = {}): Promise<Realm> {
    // The real path: where the temporary folder is a link, two names for one file would confuse.
    const prefix = join(await realpath(tmpdir()), 'kpass-realm-');
    const realm = new Realm(await LeashedFolder.make(prefix), options);
    try {
      await realm.#create();
      await realm.#open();
      return realm;
    } catch (error) {
      await realm.stop();
      throw error;
    }
  }

  /** The KDC's port on 127.0.0.1, for UDP and for TCP. */
  get port(): number {
    return this.#port;
  }

  /**
   * Environment variables for a child process that is to live in this realm: its krb5.conf, the
   * keytab of its first service, and a credential cache of its own, so that kinit spares yours.
   */
  get env(): Record<string, string> {
    const [keytab] = this.#keytabs.values();
    return {
      KRB5_CONFIG: this.config,
      KRB5_KDC_PROFILE: join(this.folder, 'kdc.conf'),
      KRB5CCNAME: `FILE:${join(this.folder, 'ccache')}`,
      ...(keytab !== undefined && { KRB5_KTNAME: keytab }),
    };
  }

  /** Path of a service's keytab file (mode 0600). Throws an Error for a service not added here. */
  keytab(service: string): string {
    const path = this.#keytabs.get(service);
    if (path === undefined) throw new Error(`Realm ${this.name} has no service ${service}`);
    return path;
  }

  /**
   * Adds a user. Pre-authentication is required, as real realms do; `flags` are more options of
   * kadmin's addprinc, such as '-requires_preauth' or '-policy', 'strict'.
   */
  async addUser(name: string, password: string, ...flags: string[]): Promise<void> {
    await this.kadmin('addprinc', '-pw', password, '+requires_preauth', ...flags, name);
  }

  /** Adds a service with a random key, and its keytab. `flags` are options of kadmin's addprinc. */
  async addService(service: string, ...flags: string[]): Promise<void> {
    const keytab = join(this.folder, `${service.replaceAll(/[^\w.-]/g, '_')}.keytab`);
    await this.kadmin('addprinc', '-randkey', ...flags, service);
    await this.kadmin('ktadd', '-norandkey', '-k', keytab, service);
    this.#keytabs.set(service, keytab);
  }

  /**
   * Runs one query of kadmin.local, given word by word, so nothing needs quotes:
   * `realm.kadmin('modprinc', '-allow_tix', 'alice')`. Resolves to what it printed; rejects with an
   * Error that carries its stderr. Queries run one after the other: they lock the database.
   */
  kadmin(...words: string[]): Promise<string> {
    const query = this.#query.then(() => this.#run('kadmin.local', '-r', this.name, ...words));
    this.#query = query.catch(() => {});
    return query;
  }

  /** Writes another krb5.conf for this realm, in its folder, and resolves to its path. */
  async writeConfig(options: ConfigOptions = {}): Promise<string> {
    this.#configs += 1;
    const path = join(this.folder, `krb5-${this.#configs}.conf`);
    await writeFile(path, this.#krb5Conf(options));
    return path;
  }

  /** Stops the KDC but keeps the realm: its port refuses, until `startKdc`. */
  async stopKdc(): Promise<void> {
    const kdc = this.#kdc;
    this.#kdc = null;
    await kdc?.terminate();
  }

  /** Starts the KDC again, on the same port. Rejects with what it printed when it does not run. */
  async startKdc(): Promise<void> {
    await this.stopKdc();
    const command = [find('krb5kdc'), '-n', '-r', this.name];
    const kdc = new LeashedProgram(command, { ...this.#serverEnv(), ...(await this.#clock()) });
    this.#kdc = kdc;
    // Its last line before it serves: the sockets are open.
    if (!(await kdc.prints('starting...', READY))) {
      throw new Error(`krb5kdc does not run: ${kdc.output.trim()}`);
    }
    if (await isShared(this.#port)) throw new Error(`Port ${this.#port} has another owner as well`);
  }

  /** Stops the KDC and removes the folder. May be called twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#query;
    await this.#kdc?.kill();
    await this.#folder.remove();
  }

  async #create(): Promise<void> {
    await this.#writeConfigs();
    const { replicaOf, users = {}, services = ['HTTP/localhost'] } = this.#options;
    if (replicaOf !== undefined) return this.#copy(replicaOf);
    await this.#run('kdb5_util', '-r', this.name, '-P', 'master', 'create', '-s');
    for (const [name, password] of Object.entries(users)) await this.addUser(name, password);
    for (const service of services) await this.addService(service);
  }

  async #copy(original: Realm): Promise<void> {
    const dump = join(this.folder, 'dump');
    await original.#run('kdb5_util', '-r', this.name, 'dump', dump);
    await copyFile(join(original.folder, 'stash'), join(this.folder, 'stash'));
    await this.#run('kdb5_util', '-r', this.name, 'load', dump);
  }

  /** Takes a port and starts the KDC there; when another process was faster, takes the next one. */
  async #open(): Promise<void> {
    for (let tries = 1; ; tries++) {
      this.#port = await freePort();
      await this.#writeConfigs();
      try {
        return await this.startKdc();
      } catch (error) {
        await this.#kdc?.kill();
        if (tries === TRIES) throw error;
      }
    }
  }

  async #writeConfigs(): Promise<void> {
    const { enctypes = ENCTYPES, kdcConfig: more = '' } = this.#options;
    const kdc = { realm: this.name, port: this.#port, folder: this.folder, enctypes, more };
    await writeFile(this.config, this.#krb5Conf());
    await writeFile(join(this.folder, 'kdc.conf'), kdcConf(kdc));
  }

  #krb5Conf(options: ConfigOptions = {}): string {
    const { hosts = [], config = '' } = this.#options;
    const { kdcs = [`127.0.0.1:${this.#port}`], more = config } = options;
    return krb5Conf({ realm: this.name, kdcs, hosts, more });
  }

  #run(program: string, ...args: string[]): Promise<string> {
    return run(program, args, this.#serverEnv());
  }

  #serverEnv(): Record<string, string> {
    return { LC_ALL: 'C', ...this.env };
  }

  /** The variables that make faketime's library change the KDC's clock. */
  async #clock(): Promise<Record<string, string>> {
    const { clock } = this.#options;
    if (clock === undefined) return {};
    // faketime itself would stay between the shell and the KDC, and survive it. Ask it for the path.
    const printed = await run('faketime', ['-f', clock, 'env'], {});
    const library = /^LD_PRELOAD=(.*)$/m.exec(printed)?.[1] ?? '';
    return { LD_PRELOAD: library, FAKETIME: clock };
  }
}
