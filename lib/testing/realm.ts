/**
 * A Kerberos realm to test against: MIT's own KDC in a temporary folder, on loopback, as any user.
 * It touches neither /etc nor a service, and is gone when this process is, however that ends.
 */
import { randomUUID } from 'node:crypto';
import { copyFile, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { kdcConf, krb5Conf, type RealmConf } from './config';
import { Database } from './database';
import { Kdc } from './kdc';
import { withWrongKeys } from './keytab';
import { LeashedFolder } from './leash';
import {
  CONFIG_OPTIONS,
  type ConfigOptions,
  checkRealmOptions,
  IMPOSTOR_OPTIONS,
  type ImpostorOptions,
  type RealmOptions,
} from './options';
import { freePort } from './port';
import {
  type AccountState,
  checkOptions,
  checkPassword,
  LOCKOUT,
  lockoutOf,
  SERVICE_OPTIONS,
  type ServiceOptions,
  serviceFlags,
  stateFlags,
  USER_OPTIONS,
  type UserOptions,
  userFlags,
} from './principals';
import { findFaketime, findKdcPrograms, type KdcPrograms, run } from './programs';

/** Keys that are cheap to make from a password: about 4 ms, against 50 for the aes-sha2 ones. */
const ENCTYPES = ['aes256-cts-hmac-sha1-96', 'aes128-cts-hmac-sha1-96'] as const;

/** How often another port is tried when a process that starts at the same time took ours. */
const TRIES = 5;

/**
 * A running realm.
 *
 *     const realm = await Realm.start({ users: { alice: 'wonderland' } });
 *     process.env.KRB5_CONFIG = realm.config;
 *     await kpass('alice', 'wonderland', 'HTTP', 'localhost', realm.keytab('HTTP/localhost')); // true
 *     await realm.stop();
 *
 * A default realm is EXAMPLE.COM. It has no users; one service, HTTP/localhost, with its keytab; a
 * KDC that serves 127.0.0.1 alone, over UDP and TCP, on a free port; aes-sha1 keys; tickets for up
 * to 24 hours; no policy; and a krb5.conf that never asks DNS. Users must pre-authenticate.
 *
 * Names of users and services are principals as Kerberos writes them, without the realm. A method
 * that changes the realm resolves when the KDC goes by the change. It rejects with an Error that
 * carries what MIT's program printed when that refuses, as for a name that is there already, or is
 * not. Changes are made one after the other, whoever asks for them.
 */
export class Realm implements AsyncDisposable {
  /** The realm's name. */
  readonly name: string;
  /** The temporary folder that holds all there is of the realm: only this user may enter it. */
  readonly folder: string;
  /** Path of a krb5.conf for this realm. */
  readonly config: string;

  readonly #options: RealmOptions;
  readonly #original: Realm | null;
  readonly #programs: KdcPrograms;
  readonly #folder: LeashedFolder;
  readonly #kdc: Kdc;
  readonly #database: Database;
  readonly #keytabs = new Map<string, string>();
  /** Of the users with one: the wrong passwords in a row that lock them. */
  readonly #lockouts = new Map<string, number>();
  readonly #policies = new Set<string>();
  /** By the other realm's name, the password behind the keys that both have. */
  readonly #trusts = new Map<string, string>();
  #port = 0;
  #files = 0;
  #stopped: Promise<void> | null = null;

  private constructor(
    folder: LeashedFolder,
    programs: KdcPrograms,
    options: RealmOptions,
    original: Realm | null,
  ) {
    this.name = options.name ?? 'EXAMPLE.COM';
    this.folder = folder.path;
    this.config = join(folder.path, 'krb5.conf');
    this.#options = options;
    this.#original = original;
    this.#programs = programs;
    this.#folder = folder;
    this.#kdc = new Kdc(folder.path);
    this.#database = new Database(programs, this.name, this.env);
  }

  /**
   * Starts a realm and resolves when its KDC answers: in about 0.15 s, and 25 ms for each user.
   * Rejects with a TypeError for an option that means nothing, and when a program is missing (the
   * message names the packages to install) or refuses its input; nothing is left behind then.
   */
  static start(options: RealmOptions = {}): Promise<Realm> {
    return Realm.#start(options, null);
  }

  static async #start(options: RealmOptions, original: Realm | null): Promise<Realm> {
    checkRealmOptions(options);
    const programs = findKdcPrograms(options.programs);
    // The real path: where the temporary folder is a link, two names for one file would confuse.
    const prefix = join(await realpath(tmpdir()), 'kpass-realm-');
    const folder = await LeashedFolder.make(prefix);
    const realm = new Realm(folder, programs, options, original);
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

  /**
   * Environment variables for a child process that is to live in this realm: its krb5.conf, the
   * keytab of its first service, and a credential cache of its own, so that kinit spares yours.
   * kadmin.local finds the realm by them as well.
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

  /** Adds a user, in any state of an account. Rejects with a TypeError for an unknown one. */
  async addUser(name: string, password: string, options: UserOptions = {}): Promise<void> {
    checkOptions(options, USER_OPTIONS);
    checkPassword(name, password);
    const flags = userFlags(options);
    const lockout = lockoutOf(options);
    await this.kadmin('addprinc', '-pw', password, ...flags, name);
    this.#lockouts.delete(name); // of a user whom kadmin has removed
    if (lockout !== undefined) await this.#setLockout(name, lockout);
    if (options.state === 'locked') await this.#lock(name);
  }

  /** Removes a user. */
  async removeUser(name: string): Promise<void> {
    await this.kadmin('delprinc', name);
  }

  /**
   * Gives a user another password, as an administrator does: a password that had expired, or had to
   * be changed, is good again.
   */
  async changePassword(name: string, password: string): Promise<void> {
    checkPassword(name, password);
    await this.kadmin('cpw', '-pw', password, name);
  }

  /**
   * Brings a user into another state of an account, 'active' for none of them; failures are
   * forgotten, unless it is 'locked'. Rejects with a TypeError for an unknown state.
   */
  async setState(name: string, state: AccountState): Promise<void> {
    await this.kadmin('modprinc', ...stateFlags(state), name);
    if (state === 'locked') await this.#lock(name);
    else await this.unlock(name);
  }

  /** How many wrong passwords in a row this realm's KDC has counted for a user. */
  async failedCount(name: string): Promise<number> {
    const printed = await this.kadmin('getprinc', name);
    return Number(/^Failed password attempts: (\d+)$/m.exec(printed)?.[1]);
  }

  /** Forgets a user's wrong passwords, which ends a lockout. */
  async unlock(name: string): Promise<void> {
    await this.#setFailures(name, 0);
  }

  /** Adds a service with a random key, and its keytab. */
  async addService(service: string, options: ServiceOptions = {}): Promise<void> {
    checkOptions(options, SERVICE_OPTIONS);
    await this.kadmin('addprinc', '-randkey', ...serviceFlags(options), service);
    const keytab = join(this.folder, `${service.replaceAll(/[^\w.-]/g, '_')}.keytab`);
    await this.#database.alone(({ ktadd }) => ktadd(keytab, service));
    this.#keytabs.set(service, keytab);
  }

  /**
   * Gives a service a new key, of the next version, at the KDC and in its keytab file, where the old
   * ones stay. No login fails meanwhile: the file is replaced whole, while the KDC is paused.
   */
  async rotateKeytab(service: string): Promise<void> {
    const keytab = this.keytab(service);
    const next = this.#nextPath('keytab');
    await this.#database.alone(async ({ kadmin, ktadd }) => {
      await copyFile(keytab, next);
      await this.#kdc.whilePaused(async () => {
        await kadmin('cpw', '-randkey', service);
        await ktadd(next, service);
        await rename(next, keytab);
      });
    });
  }

  /**
   * Gives a service a new key at the KDC alone: its keytab is stale then, as after a forgotten
   * `ktadd` elsewhere. `rotateKeytab` mends that, with yet another key.
   */
  async rotateKey(service: string): Promise<void> {
    await this.kadmin('cpw', '-randkey', service);
  }

  /** Writes a keytab with the present keys of these services or users; resolves to its path. */
  async writeKeytab(...principals: string[]): Promise<string> {
    const path = this.#nextPath('keytab');
    for (const principal of principals) {
      await this.#database.alone(({ ktadd }) => ktadd(path, principal));
    }
    return path;
  }

  /**
   * Writes a copy of a service's keytab in which the keys, and nothing else, are wrong; resolves to
   * its path. Rejects for a service not added here.
   */
  async writeWrongKeytab(service: string): Promise<string> {
    const path = this.#nextPath('keytab');
    await writeFile(path, withWrongKeys(await readFile(this.keytab(service))), { mode: 0o600 });
    return path;
  }

  /** Writes another krb5.conf for this realm, in its folder, and resolves to its path. */
  async writeConfig(options: ConfigOptions = {}): Promise<string> {
    checkOptions(options, CONFIG_OPTIONS);
    const path = this.#nextPath('conf');
    await writeFile(path, this.#krb5Conf(options));
    return path;
  }

  /**
   * Runs one query of kadmin.local, given word by word, so nothing needs quotes:
   * `realm.kadmin('modprinc', '-maxlife', '1h', 'alice')`. Resolves to what it printed; rejects with
   * an Error that carries its stderr.
   */
  kadmin(...words: string[]): Promise<string> {
    return this.#database.alone(({ kadmin }) => kadmin(...words));
  }

  /** What the KDC has logged so far: a line for each request and its outcome, among others. */
  async log(): Promise<string> {
    return await readFile(join(this.folder, 'kdc.log'), 'utf8');
  }

  /** Stops the KDC but keeps the realm: its port refuses, until `startKdc`. */
  async stopKdc(): Promise<void> {
    await this.#database.alone(() => this.#kdc.stop());
  }

  /** Starts the KDC again, on the same port. Rejects with what it printed when it does not run. */
  async startKdc(): Promise<void> {
    const command = [this.#programs.krb5kdc, '-n', '-r', this.name];
    const env = { LC_ALL: 'C', ...this.env, ...(await this.#clock()) };
    await this.#database.alone(() => this.#kdc.start(command, env, this.#port));
  }

  /**
   * Makes the KDC silent: its ports are open, requests arrive, and nobody answers before `resume`.
   * The realm can be changed meanwhile, and stopped. Rejects when the KDC is stopped.
   *
   * MIT's KDC counts a login by writing back the whole account as it had read it. So a change is
   * lost that is made to the very user whose login is in progress, and `pause` holds that moment.
   */
  async pause(): Promise<void> {
    await this.#database.alone(() => this.#kdc.pause());
  }

  /** Lets a paused KDC go on; it answers what has come meanwhile. Rejects when it is stopped. */
  async resume(): Promise<void> {
    await this.#database.alone(() => this.#kdc.resume());
  }

  /**
   * Starts an impostor: a realm of the same name, with services and key versions as they are here,
   * and with keys and passwords of its own. Who is made to ask it, by its `config`, gets a ticket
   * for any password it accepts, and must find out by the keytab of the real realm. Stop it as any
   * realm.
   */
  async impostor(options: ImpostorOptions): Promise<Realm> {
    checkOptions(options, IMPOSTOR_OPTIONS);
    const { users, services } = options;
    const names = services ?? [...this.#keytabs.keys()];
    const impostor = await Realm.start({ ...this.#options, users, services: names });
    try {
      for (const service of names) await impostor.#takeKeyVersion(service, this);
      return impostor;
    } catch (error) {
      await impostor.stop();
      throw error;
    }
  }

  /**
   * Lets the users of each realm get tickets for the services of the other one. Resolves to the path
   * of a krb5.conf that knows both; this one is its default realm. May be called again. Rejects for
   * a realm of the same name.
   */
  async trust(other: Realm): Promise<string> {
    if (other.name === this.name) throw new Error(`Both realms are ${this.name}`);
    const known = this.#trusts.get(other.name) ?? other.#trusts.get(this.name);
    const password = known ?? randomUUID();
    await this.#trust(other.name, password);
    await other.#trust(this.name, password);
    return await this.writeConfig({ realms: [other] });
  }

  /**
   * Starts a replica: a second KDC, with a copy of this realm's database as it is now. What is
   * changed in one of them later, or counted, is not in the other. Its `config` names the replica
   * first, and then this one as the primary. Stop it as any realm; stopping this one does not.
   */
  replicate(): Promise<Realm> {
    return Realm.#start({ ...this.#options, name: this.name }, this);
  }

  /** Ends the KDC, in whatever state it is, and removes the folder. May be called twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#kdc.kill(); // first: nothing may have to wait for one that stands still
    await this.#database.idle();
    await this.#kdc.kill(); // one that such a task has started
    await this.#folder.remove();
  }

  async #create(): Promise<void> {
    await this.#writeConfigs();
    if (this.#original !== null) return await this.#copy(this.#original);
    await this.#database.alone(({ kdb5Util }) => kdb5Util('-P', 'master', 'create', '-s'));
    const { users = {}, services = ['HTTP/localhost'] } = this.#options;
    for (const [name, user] of Object.entries(users)) {
      const { password, ...options } = typeof user === 'string' ? { password: user } : user;
      await this.addUser(name, password, options);
    }
    for (const service of services) await this.addService(service);
  }

  async #copy(original: Realm): Promise<void> {
    const dump = join(this.folder, 'dump');
    await original.#database.alone(({ kdb5Util }) => kdb5Util('dump', dump));
    await copyFile(join(original.folder, 'stash'), join(this.folder, 'stash'));
    await this.#database.alone(({ kdb5Util }) => kdb5Util('load', dump));
    for (const [service, keytab] of original.#keytabs) {
      const own = join(this.folder, basename(keytab));
      await copyFile(keytab, own);
      this.#keytabs.set(service, own);
    }
    for (const [name, lockout] of original.#lockouts) this.#lockouts.set(name, lockout);
    for (const policy of original.#policies) this.#policies.add(policy);
    for (const [name, password] of original.#trusts) this.#trusts.set(name, password);
  }

  /** Takes a port and starts the KDC there; when another process was faster, takes the next one. */
  async #open(): Promise<void> {
    for (let tries = 1; ; tries++) {
      this.#port = await freePort();
      await this.#writeConfigs();
      try {
        return await this.startKdc();
      } catch (error) {
        await this.#kdc.kill();
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

  #krb5Conf({ kdcs, primary, realms = [], more }: ConfigOptions = {}): string {
    const own = this.#realmConf();
    if (kdcs !== undefined) Object.assign(own, { kdcs, primary: null });
    if (primary !== undefined) own.primary = primary;
    const others = realms.map((realm) => realm.#realmConf());
    return krb5Conf([own, ...others], more ?? this.#options.config ?? '');
  }

  #realmConf(): RealmConf {
    const { name } = this;
    const { hosts = [] } = this.#options;
    if (this.#original === null) {
      return { name, kdcs: [`127.0.0.1:${this.#port}`], primary: null, hosts };
    }
    const primary = `127.0.0.1:${this.#original.port}`;
    return { name, kdcs: [`localhost:${this.#port}`, primary], primary, hosts };
  }

  /** The lockout is that of a policy, one for each number. */
  async #setLockout(name: string, lockout: number): Promise<void> {
    const policy = `lockout-${lockout}`;
    if (!this.#policies.has(policy)) {
      this.#policies.add(policy);
      await this.kadmin('addpol', '-maxfailure', String(lockout), policy);
    }
    await this.kadmin('modprinc', '-policy', policy, name);
    this.#lockouts.set(name, lockout);
  }

  async #lock(name: string): Promise<void> {
    if (!this.#lockouts.has(name)) await this.#setLockout(name, LOCKOUT);
    await this.#setFailures(name, this.#lockouts.get(name) ?? LOCKOUT);
  }

  async #setFailures(name: string, count: number): Promise<void> {
    const principal = /(?<!\\)@/.test(name) ? name : `${name}@${this.name}`;
    await this.#database.setFailures(principal, count, this.#nextPath('dump'));
  }

  /** Numbers the key of a service, in the database and in the keytab, as the other realm does. */
  async #takeKeyVersion(service: string, other: Realm): Promise<void> {
    if (!other.#keytabs.has(service)) return;
    const printed = await other.kadmin('getprinc', service);
    const version = /^Key: vno (\d+)/m.exec(printed)?.[1] ?? '1';
    if (version === '1') return;
    await this.kadmin('modprinc', '-kvno', version, service);
    await rename(await this.writeKeytab(service), this.keytab(service));
  }

  /** Both sides need the same keys, whatever each one makes by default. */
  async #trust(other: string, password: string): Promise<void> {
    if (this.#trusts.has(other)) return;
    this.#trusts.set(other, password);
    const key = ['-pw', password, '-e', `${ENCTYPES[0]}:normal`];
    await this.kadmin('addprinc', ...key, `krbtgt/${other}@${this.name}`);
    await this.kadmin('addprinc', ...key, `krbtgt/${this.name}@${other}`);
  }

  #nextPath(kind: 'conf' | 'dump' | 'keytab'): string {
    this.#files += 1;
    return join(this.folder, `more-${this.#files}.${kind}`);
  }

  /** The variables that make faketime's library change the KDC's clock. */
  async #clock(): Promise<Record<string, string>> {
    const { clock } = this.#options;
    if (clock === undefined) return {};
    // faketime itself would stay between the shell and the KDC, and survive it. Ask it for the path.
    const printed = await run(findFaketime(), ['-f', clock, 'env'], {});
    const library = /^LD_PRELOAD=(.*)$/m.exec(printed)?.[1] ?? '';
    return { LD_PRELOAD: library, FAKETIME: clock };
  }
}
