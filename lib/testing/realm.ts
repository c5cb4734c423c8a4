// A Kerberos realm for tests: MIT's own KDC in a temporary folder, on loopback, as any user. It changes
// nothing in /etc and no system service. It is removed when this process ends, however it ends.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Accounts } from './accounts.js';
import { Clients } from './clients.js';
import { Database } from './database.js';
import { RealmFiles, temporaryFolder } from './files.js';
import { Kadmind } from './kadmind.js';
import { Kdc } from './kdc.js';
import { LeashedFolder } from './leash.js';
import {
  checkRealmOptions,
  IMPOSTOR_OPTIONS,
  type ImpostorOptions,
  OWN_CONFIG_OPTIONS,
  type OwnConfigOptions,
  type RealmOptions,
} from './options.js';
import {
  type AccountState,
  checkOptions,
  type ServiceOptions,
  type User,
  type UserOptions,
  WHOLE_USER,
} from './principals.js';
import { findKdcPrograms, type KdcPrograms } from './programs.js';
import { Radius, type Tokens } from './radius.js';
import { Services } from './services.js';
import type { TicketOptions } from './tickets.js';
import type { TokenOptions } from './token.js';
import { Trusts } from './trusts.js';

/** The options of a krb5.conf that `Realm.writeConfig` writes. */
export interface ConfigOptions extends OwnConfigOptions {
  /** Other realms that the file describes too; default none. */
  realms?: readonly Realm[];
}

/**
 * A running realm.
 *
 *     const realm = await Realm.start({ users: { alice: 'wonderland' } });
 *     process.env.KRB5_CONFIG = realm.config;
 *     await kpass('alice', 'wonderland', 'HTTP', 'localhost', realm.keytab('HTTP/localhost')); // true
 *     await realm.stop();
 *
 * By default the realm is EXAMPLE.COM. It has no users; one service, HTTP/localhost, with its keytab;
 * a KDC that serves 127.0.0.1 alone, over UDP and TCP, on a free port; aes-sha1 keys; tickets for up
 * to 24 hours; no policy; and a krb5.conf that never asks DNS. Users must pre-authenticate.
 *
 * Names of users and services are principals in Kerberos's syntax, without the realm. A method that
 * changes the realm resolves when the KDC follows the change. MIT's programs make the changes. When
 * a program refuses, the method rejects with an Error that carries the program's message: for
 * example when a name to add exists already. Changes happen one after the other, even when several
 * callers ask for them at once.
 */
export class Realm implements AsyncDisposable {
  /** The realm's name. */
  readonly name: string;
  /** The temporary folder that holds everything of the realm. Only this user may enter it. */
  readonly folder: string;
  /** Path of a krb5.conf for this realm. */
  readonly config: string;

  readonly #options: RealmOptions;
  readonly #original: Realm | null;
  readonly #folder: LeashedFolder;
  readonly #files: RealmFiles;
  readonly #kdc: Kdc;
  readonly #kadmind: Kadmind | null;
  readonly #database: Database;
  readonly #accounts: Accounts;
  readonly #services: Services;
  readonly #clients: Clients;
  readonly #trusts: Trusts;
  readonly #radius: Radius | null;
  #stopped: Promise<void> | null = null;

  private constructor(
    folder: LeashedFolder,
    programs: KdcPrograms,
    options: RealmOptions,
    original: Realm | null,
    radius: Radius | null,
  ) {
    this.#radius = radius;
    this.name = options.name ?? 'EXAMPLE.COM';
    this.folder = folder.path;
    this.#options = options;
    this.#original = original;
    this.#folder = folder;
    const named = Object.assign(Object.create(null), options, { name: this.name });
    const primary = original === null ? null : original.#files;
    this.#files = new RealmFiles(folder.path, named, primary);
    this.config = this.#files.config;
    this.#kdc = new Kdc(programs.krb5kdc, named, this.#files);
    const { passwords = false } = options;
    this.#kadmind = passwords && original === null ? new Kadmind(named, this.#files) : null;
    this.#database = new Database(programs, this.name, folder.path, this.#files.env);
    this.#accounts = new Accounts(this.name, this.#database);
    this.#services = new Services(this.name, folder.path, this.#database);
    this.#clients = new Clients(this.name, this.#files, this.#services);
    this.#trusts = new Trusts(this.name, this.#database);
  }

  /**
   * Starts a realm and resolves when its KDC answers: in about 0.15 s, and 25 ms for each user.
   * Rejects with a TypeError for an option without a meaning. Rejects with an Error when a program
   * is missing (the message names the packages to install) or refuses its input. A start that fails
   * leaves nothing behind.
   */
  static start(options: RealmOptions = {}): Promise<Realm> {
    return Realm.#start(options, null);
  }

  static async #start(given: RealmOptions, original: Realm | null): Promise<Realm> {
    const options = checkRealmOptions(given);
    const programs = findKdcPrograms(options.programs);
    const folder = await LeashedFolder.make(join(await temporaryFolder(), 'kpass-realm-'));
    const radius = options.tokens === true ? await Radius.start() : null;
    const realm = new Realm(folder, programs, options, original, radius);
    try {
      await realm.#create();
      await realm.#database.alone(async () => {
        await realm.#kdc.open(realm.env);
        await realm.#kadmind?.open(realm.env);
      });
      return realm;
    } catch (error) {
      await realm.stop();
      throw error;
    }
  }

  /** The KDC's port on 127.0.0.1, for UDP and for TCP. It never changes while the realm exists. */
  get port(): number {
    return this.#files.port;
  }

  /** The port on 127.0.0.1 of the server that changes passwords, over TCP and UDP; 0 without one. */
  get passwordPort(): number {
    return this.#files.passwordPort;
  }

  /**
   * Environment variables for a child process that uses this realm: its krb5.conf, the keytab of its
   * first service, and a credential cache of its own, so that kinit leaves yours alone. With them
   * kadmin.local finds the realm as well.
   */
  get env(): Record<string, string> {
    const [first] = this.#services.names;
    return {
      ...this.#files.env,
      ...(first !== undefined && { KRB5_KTNAME: this.#services.keytab(first) }),
    };
  }

  /** Path of a service's keytab file (mode 0600). Throws an Error for a service not added here. */
  keytab(service: string): string {
    return this.#services.keytab(service);
  }

  /** Adds a user, in any state of an account. Rejects with a TypeError for an unknown state. */
  addUser(name: string, password: string, options: UserOptions = {}): Promise<void> {
    return this.#accounts.add(name, password, options);
  }

  /** Removes a user. */
  removeUser(name: string): Promise<void> {
    return this.#accounts.remove(name);
  }

  /**
   * Gives a user another password, as an administrator does. It also ends the states
   * 'password-expired' and 'must-change'.
   */
  changePassword(name: string, password: string): Promise<void> {
    return this.#accounts.changePassword(name, password);
  }

  /**
   * Puts a user's account into another state; 'active' ends every other state. It also resets the
   * count of wrong passwords, except for 'locked'. Rejects with a TypeError for an unknown state.
   */
  setState(name: string, state: AccountState): Promise<void> {
    return this.#accounts.setState(name, state);
  }

  /** How many wrong passwords in a row this realm's KDC has counted for a user. */
  failedCount(name: string): Promise<number> {
    return this.#accounts.failedCount(name);
  }

  /** Resets a user's count of wrong passwords, which ends a lockout. */
  unlock(name: string): Promise<void> {
    return this.#accounts.unlock(name);
  }

  /** What users' tokens show. Throws an Error if the realm has not the option `tokens`. */
  get tokens(): Tokens {
    if (this.#radius === null) throw new Error('the realm has no tokens: start it with `tokens`');
    return this.#radius;
  }

  /** Adds a service with a random key, and its keytab. */
  addService(service: string, options: ServiceOptions = {}): Promise<void> {
    return this.#services.add(service, options);
  }

  /**
   * Gives a service a new key, of the next version, at the KDC and in its keytab file. The old keys
   * stay in the file. No login fails meanwhile: the KDC is paused, and the file is replaced whole.
   */
  rotateKeytab(service: string): Promise<void> {
    return this.#services.rotateKeytab(service, this.#kdc);
  }

  /**
   * Gives a service a new key at the KDC alone. Its keytab is stale then, as after a forgotten
   * `ktadd` in a real realm. `rotateKeytab` repairs the keytab, with another new key.
   */
  rotateKey(service: string): Promise<void> {
    return this.#services.rotateKey(service);
  }

  /** Writes a keytab with the current keys of these services or users; resolves to its path. */
  async writeKeytab(...principals: string[]): Promise<string> {
    const path = this.#files.nextPath('keytab');
    await this.#services.writeKeytab(path, principals);
    return path;
  }

  /**
   * Writes a copy of a service's keytab with wrong keys; everything else in it is right. Resolves to
   * its path. Rejects for a service not added here.
   */
  async writeWrongKeytab(service: string): Promise<string> {
    const path = this.#files.nextPath('keytab');
    await this.#services.writeWrongKeytab(path, service);
    return path;
  }

  /**
   * Logs a user in, with the user's key. Resolves to the path of a new credential cache, for
   * KRB5CCNAME, that holds the ticket. Rejects with an Error that carries kinit's message when the KDC
   * refuses. It needs the program kinit.
   */
  ticket(user: string, options: TicketOptions = {}): Promise<string> {
    return this.#clients.ticket(user, options);
  }

  /**
   * The token that the user's browser sends to the service: the bytes of `Authorization: Negotiate`,
   * decoded. Each call makes a new one. Rejects with an Error that carries the message of kinit or
   * kvno when the KDC refuses. It needs both programs, and keys of AES.
   *
   * @param service 'HTTP/localhost'; or with its realm, if that is another one
   */
  token(user: string, service: string, options: TokenOptions = {}): Promise<Uint8Array> {
    return this.#clients.token(user, service, options);
  }

  /** Writes another krb5.conf for this realm, in its folder, and resolves to its path. */
  async writeConfig(options: ConfigOptions = {}): Promise<string> {
    const given = checkOptions(options, {
      ...OWN_CONFIG_OPTIONS,
      realms: true,
    });
    const { realms = [] } = given;
    const others = realms.map((realm) => realm.#files.realmConf());
    const path = this.#files.nextPath('conf');
    await writeFile(path, this.#files.krb5Conf(Object.assign(given, { others })));
    return path;
  }

  /**
   * Runs one query of kadmin.local, given word by word, so nothing needs quotes:
   * `realm.kadmin('modprinc', '-maxlife', '1h', 'alice')`. Resolves to its output; rejects with an
   * Error that carries its stderr.
   */
  kadmin(...words: string[]): Promise<string> {
    return this.#database.alone(({ kadmin }) => kadmin(...words));
  }

  /** The KDC's log so far. It has a line for each request and its outcome, and other lines. */
  async log(): Promise<string> {
    return await readFile(join(this.folder, 'kdc.log'), 'utf8');
  }

  /** Stops the KDC but keeps the realm: its port refuses connections until `startKdc`. */
  async stopKdc(): Promise<void> {
    await this.#database.alone(() => this.#kdc.stop());
  }

  /** Starts the KDC again, on the same port. Rejects with its output when it does not run. */
  async startKdc(): Promise<void> {
    await this.#database.alone(() => this.#kdc.start(this.env));
  }

  /**
   * Makes the KDC silent: its ports are open and requests arrive, but it answers only after `resume`.
   * Meanwhile the realm can be changed and stopped. Rejects when the KDC is stopped.
   *
   * Do not change a user whose login may be in progress. MIT's KDC counts a login by writing the
   * whole account back as it had read it. `pause` can stop the KDC between the two, and the KDC then
   * overwrites the change after `resume`.
   */
  async pause(): Promise<void> {
    await this.#database.alone(() => this.#kdc.pause());
  }

  /** Lets a paused KDC continue; it answers the requests that waited. Rejects when it is stopped. */
  async resume(): Promise<void> {
    await this.#database.alone(() => this.#kdc.resume());
  }

  /**
   * Starts an impostor: a realm of the same name, with the services and key versions of this realm,
   * but with keys and passwords of its own. A client with the impostor's `config` gets a ticket for
   * any password that the impostor accepts. Only the real realm's keytab shows that the ticket is
   * false. Stop an impostor like any realm.
   */
  async impostor(options: ImpostorOptions): Promise<Realm> {
    const { users, services = this.#services.names } = checkOptions(options, IMPOSTOR_OPTIONS);
    const impostor = await Realm.start({ ...this.#options, users, services });
    try {
      await impostor.#services.takeKeyVersions(this.#services);
      return impostor;
    } catch (error) {
      await impostor.stop();
      throw error;
    }
  }

  /**
   * Lets the users of each realm get tickets for the services of the other one. Resolves to the path
   * of a krb5.conf that describes both; this realm is its default realm. May be called again. Rejects
   * for a realm of the same name.
   */
  async trust(other: Realm): Promise<string> {
    await this.#trusts.join(other.#trusts);
    return await this.writeConfig({ realms: [other] });
  }

  /**
   * Starts a replica: a second KDC, with a copy of this realm's database as it is now. Later changes
   * and counts in one of them do not reach the other. The replica's `config` names the replica
   * first, and then this realm's KDC as the primary. Stop a replica like any realm: it continues
   * when this realm stops.
   */
  replicate(): Promise<Realm> {
    return Realm.#start({ ...this.#options, name: this.name }, this);
  }

  /** Ends the KDC in any state, even paused, and removes the folder. May be called twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#kadmind?.kill();
    this.#radius?.stop();
    await this.#kdc.kill(); // first: a task may wait for a paused KDC
    await this.#database.idle();
    await this.#kdc.kill(); // a task may have started the KDC
    await this.#folder.remove();
  }

  async #create(): Promise<void> {
    this.#files.tokens = (await this.#radius?.writeConfig(this.folder)) ?? '';
    await this.#files.writeConfigs();
    if (this.#original !== null) return await this.#copy(this.#original);
    await this.#database.alone(({ kdb5Util }) => kdb5Util('-P', 'master', 'create', '-s'));
    const { users = {}, services = ['HTTP/localhost'] } = this.#options;
    for (const [name, user] of Object.entries(users)) {
      const whole = typeof user === 'string' ? { password: user } : user;
      const { password, ...options } = checkOptions<User>(whole, WHOLE_USER);
      await this.addUser(name, password, options);
    }
    for (const service of services) await this.addService(service);
  }

  async #copy(original: Realm): Promise<void> {
    await this.#database.copy(original.#database);
    await this.#services.copyKeytabs(original.#services);
    this.#accounts.copyLockouts(original.#accounts);
    this.#trusts.copy(original.#trusts);
  }
}
