// An Active Directory domain to test against: Samba's own KDC and directory, in a temporary folder
// and on loopback. The domain touches neither /etc nor a service. It ends with this process, however
// that ends. Only the domain controller's KDC runs: no LDAP, no DNS, no file server.

import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { krb5Conf } from '../../lib/testing/config';
import { LeashedFolder, LeashedProgram } from '../../lib/testing/leash';
import { freePort, isShared } from '../../lib/testing/port';
import { run } from '../../lib/testing/programs';
import { countListeners } from '../../lib/testing/system';
import { PYTHON, SambaAdmin } from './samba-admin';
import { unpackedSamba } from './unpacked';

const SCRIPT = join(__dirname, 'samba_admin.py');

/** The templates of domains: one for each version of Samba, realm and version of SCRIPT. */
const TEMPLATES = join(__dirname, '../../build-samba/domains');

/** ms for the KDC to open its ports. It needs about 100 ms. */
const READY = 30_000;

/** ms for Samba to provision a domain. It needs about three seconds on an idle machine. */
const PROVISIONED = 120_000;

/** The number of ports to try: another process may take a free port first. */
const TRIES = 5;

/** msDS-SupportedEncryptionTypes: aes128-sha1 and aes256-sha1. Without it, Samba's tickets have RC4. */
const AES = 0x18;

/** The state of an account in Active Directory. */
export type SambaState = 'active' | 'disabled' | 'must-change' | 'expired' | 'locked';

export interface SambaUser {
  password: string;
  /** The user principal name; default `name@example.com`, in lower case as in Active Directory. */
  upn?: string;
  /** Default 'active'. */
  state?: SambaState;
}

export interface SambaOptions {
  /** The realm; default 'EXAMPLE.COM'. Its first label is the name of the domain, 'EXAMPLE'. */
  name?: string;
  /** By sAMAccountName: a password, or an object with more. Default none. */
  users?: Readonly<Record<string, string | SambaUser>>;
  /** SPNs, each with an account of its own and a keytab; default ['HTTP/localhost']. */
  services?: readonly string[];
  /** UPN suffixes that the forest knows; default none. */
  upnSuffixes?: readonly string[];
  /** Wrong passwords that lock a user for 30 minutes; default 50. With 0, Samba counts none. */
  lockout?: number;
  /** More text for krb5.conf, in its own syntax; its values win. Default none. */
  config?: string;
  /** More lines for the [global] section of smb.conf; their values win. Default none. */
  smbConfig?: string;
}

/** A running domain. A method that changes the domain resolves when the KDC knows of the change. */
export class SambaDomain implements AsyncDisposable {
  /** The realm. */
  readonly name: string;
  /** The name before the backslash in `EXAMPLE\alice`. */
  readonly domain: string;
  /** The temporary folder that holds all files of the domain. */
  readonly folder: string;
  /** Path of a krb5.conf for clients of this domain. */
  readonly config: string;

  readonly #options: SambaOptions;
  readonly #samba = unpackedSamba();
  readonly #folder: LeashedFolder;
  readonly #keytabs = new Map<string, string>();
  readonly #accounts = new Map<string, string>();
  #admin: SambaAdmin | null = null;
  #kdc: LeashedProgram | null = null;
  #log = '';
  #port = 0;
  #passwordPort = 0;
  #files = 0;
  #stopped: Promise<void> | null = null;

  private constructor(folder: LeashedFolder, options: SambaOptions) {
    this.name = options.name ?? 'EXAMPLE.COM';
    this.domain = this.name.split('.', 1)[0] ?? '';
    this.folder = folder.path;
    this.config = join(folder.path, 'krb5.conf');
    this.#options = options;
    this.#folder = folder;
  }

  /**
   * Starts a domain, and resolves when its KDC answers. That takes half a second, and three seconds
   * more for the very first domain of a realm. If start() rejects, it leaves nothing behind.
   */
  static async start(options: SambaOptions = {}): Promise<SambaDomain> {
    const prefix = join(await realpath(tmpdir()), 'kpass-samba-');
    const domain = new SambaDomain(await LeashedFolder.make(prefix), options);
    try {
      await domain.#create();
      await domain.#open();
      return domain;
    } catch (error) {
      await domain.stop();
      throw error;
    }
  }

  /** The KDC's port on 127.0.0.1, for UDP and for TCP. It stays the same for the domain's life. */
  get port(): number {
    return this.#port;
  }

  /** The port on 127.0.0.1 of the server that changes passwords, over UDP and TCP. */
  get passwordPort(): number {
    return this.#passwordPort;
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

  /** Path of a service's keytab. Its entries have the SPN. Throws for a service not added here. */
  keytab(service: string): string {
    return this.#of(service, this.#keytabs);
  }

  /** The sAMAccountName of the account that has the SPN: only this name may log in. */
  account(service: string): string {
    return this.#of(service, this.#accounts);
  }

  /** Adds a user by sAMAccountName. */
  async addUser(
    name: string,
    password: string,
    options: Omit<SambaUser, 'password'> = {},
  ): Promise<void> {
    const { upn = null, state = 'active' } = options;
    await this.#request('add_user', { name, password, upn });
    if (state !== 'active') await this.setState(name, state);
  }

  /** Gives a user another UPN, of any suffix. */
  async setUpn(name: string, upn: string): Promise<void> {
    await this.#request('set_upn', { name, upn });
  }

  /** Gives a user another sAMAccountName. */
  async rename(name: string, newName: string): Promise<void> {
    await this.#request('rename', { name, new_name: newName });
  }

  /** Adds a UPN suffix to those that the forest knows. */
  async addUpnSuffix(suffix: string): Promise<void> {
    await this.#request('add_upn_suffix', { suffix });
  }

  /** Gives a user another password, as an administrator does. */
  async changePassword(name: string, password: string): Promise<void> {
    await this.#request('set_password', { name, password });
  }

  /** Brings a user into another state; wrong passwords are forgotten. */
  async setState(name: string, state: SambaState): Promise<void> {
    await this.#request('set_state', { name, state });
  }

  /**
   * Sets the rules for passwords. `age`: seconds for which a new password may not be changed. `longest`:
   * seconds after which a password expires; 0: never. Samba takes less than a day for never.
   */
  async setPasswordPolicy({
    length = 0,
    history = 0,
    age = 0,
    longest = 0,
    complexity = false,
  }): Promise<void> {
    await this.#request('password_policy', { length, history, age, longest, complexity });
  }

  /** Makes a user's password older, by seconds. */
  async agePassword(name: string, seconds: number): Promise<void> {
    await this.#request('age_password', { name, seconds });
  }

  /** Sets the number of wrong passwords that lock any user. With 0, Samba counts none. */
  async setLockout(lockout: number): Promise<void> {
    await this.#request('policy', { lockout });
  }

  /** badPwdCount: the number of wrong passwords that the domain has counted for a user. */
  async failedCount(name: string): Promise<number> {
    return (await this.#request('failed_count', { name })) as number;
  }

  /** Forgets a user's wrong passwords, which ends a lockout. */
  async unlock(name: string): Promise<void> {
    await this.#request('unlock', { name });
  }

  /** The values of an attribute of an account, such as 'userPrincipalName'. */
  async attribute(name: string, attribute: string): Promise<string[]> {
    return (await this.#request('attribute', { name, attribute })) as string[];
  }

  /**
   * Adds a service: an account with a random password and this SPN, and a keytab. `enctypes` is its
   * msDS-SupportedEncryptionTypes; default 24, aes128-sha1 and aes256-sha1.
   */
  async addService(service: string, { enctypes = AES } = {}): Promise<void> {
    const account = `service-${this.#accounts.size + 1}`;
    await this.#request('add_service', { account, service, password: randomUUID(), enctypes });
    this.#accounts.set(service, account);
    this.#keytabs.set(service, await this.writeKeytab(service));
  }

  /** Writes a keytab with the keys of these SPNs or accounts; resolves to its path. */
  async writeKeytab(...principals: string[]): Promise<string> {
    const path = this.#nextPath('keytab');
    for (const principal of principals) await this.#request('export_keytab', { path, principal });
    return path;
  }

  /** Writes another krb5.conf for this domain, with more text in its own syntax. */
  async writeConfig(more: string, kdcs: readonly string[] = this.#kdcs()): Promise<string> {
    const path = this.#nextPath('conf');
    await writeFile(path, this.#krb5Conf(more, kdcs));
    return path;
  }

  /** What the KDC has printed so far: a few lines for each request, and one for each verdict. */
  get log(): string {
    return this.#log + (this.#kdc?.output ?? '');
  }

  /** Stops the KDC but keeps the domain. The port refuses connections until `startKdc`. */
  async stopKdc(): Promise<void> {
    await this.#kdc?.terminate();
    this.#log = this.log;
    this.#kdc = null;
  }

  /** Starts the KDC again, on the same port. If the KDC does not run, rejects with its output. */
  async startKdc(): Promise<void> {
    await this.stopKdc();
    const { root, env } = this.#samba;
    // Samba serves in one foreground process, so nothing of it outlives that process.
    const options = ['--interactive', '--model=single', '--debug-stdout'];
    const command = [join(root, 'usr/sbin/samba'), '-s', this.#conf, ...options];
    const program = new LeashedProgram(command, { ...env, KRB5_CONFIG: this.config });
    this.#kdc = program;
    for (let waited = 0; (await countListeners('tcp', this.#port)) === 0; waited += 20) {
      if ((await program.prints('exit_daemon', 20)) || waited > READY) {
        throw new Error(`samba does not run: ${program.output.trim()}`);
      }
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
    await this.#kdc?.kill();
    await this.#admin?.end();
    await this.#folder.remove();
  }

  async #create(): Promise<void> {
    const template = await this.#template();
    await cp(template, this.folder, { recursive: true });
    await this.#writeConfigs();
    this.#admin = new SambaAdmin(SCRIPT, this.#conf, {
      ...this.#samba.env,
      KRB5_CONFIG: this.config,
    });
    const { users = {}, services = ['HTTP/localhost'], upnSuffixes = [] } = this.#options;
    await this.setLockout(this.#options.lockout ?? 50);
    for (const suffix of upnSuffixes) await this.addUpnSuffix(suffix);
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
      this.#passwordPort = await freePort();
      await this.#writeConfigs();
      try {
        return await this.startKdc();
      } catch (error) {
        if (tries === TRIES) throw error;
      }
    }
  }

  /** Path of a provisioned domain of this realm. It is made once, because that takes seconds. */
  async #template(): Promise<string> {
    const { root, env } = this.#samba;
    const version = await run(join(root, 'usr/sbin/samba'), ['--version'], env);
    const parts = [version, this.name, await readFile(SCRIPT, 'utf8')];
    const template = join(TEMPLATES, createHash('sha256').update(parts.join('\0')).digest('hex'));
    if (existsSync(template)) return template;

    await mkdir(TEMPLATES, { recursive: true });
    const scratch = await LeashedFolder.make(join(TEMPLATES, 'new-'));
    try {
      const folder = join(scratch.path, 'domain');
      await makeFolders(folder);
      const conf = join(scratch.path, 'smb.conf');
      const krb5 = join(scratch.path, 'krb5.conf'); // in place of this machine's
      await writeFile(krb5, this.#krb5Conf('', []));
      await writeFile(conf, smbConf(this.name, this.domain, folder, [0, 0], ''));
      // On a leash: Samba would make the folder anew if it outlived this process.
      const command = [PYTHON, SCRIPT, conf, 'provision', this.name, this.domain];
      const program = new LeashedProgram(command, { ...env, KRB5_CONFIG: krb5 });
      const isMade = await program.prints('provisioned', PROVISIONED);
      await program.kill();
      if (!isMade) throw new Error(`Samba cannot provision: ${program.output.trim()}`);
      // If another process was faster, its template serves as well.
      await rename(folder, template).catch((error) => {
        if (!existsSync(template)) throw error;
      });
    } finally {
      await scratch.remove();
    }
    return template;
  }

  async #writeConfigs(): Promise<void> {
    const { smbConfig = '', config = '' } = this.#options;
    const ports = [this.#port, this.#passwordPort] as const;
    const text = smbConf(this.name, this.domain, this.folder, ports, smbConfig);
    await writeFile(this.#conf, text);
    await writeFile(this.config, this.#krb5Conf(config, this.#kdcs()));
  }

  #krb5Conf(more: string, kdcs: readonly string[]): string {
    const passwordServers = [`127.0.0.1:${this.#passwordPort}`];
    return krb5Conf([{ name: this.name, kdcs, primary: null, passwordServers, hosts: [] }], more);
  }

  #kdcs(): string[] {
    return [`127.0.0.1:${this.#port}`];
  }

  get #conf(): string {
    return join(this.folder, 'smb.conf');
  }

  #nextPath(extension: string): string {
    return join(this.folder, `${++this.#files}.${extension}`);
  }

  #of(service: string, map: ReadonlyMap<string, string>): string {
    const value = map.get(service);
    if (value === undefined) throw new Error(`Realm ${this.name} has no service ${service}`);
    return value;
  }

  async #request(method: string, args: Record<string, unknown>): Promise<unknown> {
    if (this.#admin === null) throw new Error('The domain has no administrator');
    return await this.#admin.request(method, args);
  }
}

/** Makes the folders that Samba expects. */
async function makeFolders(folder: string): Promise<void> {
  for (const name of ['private', 'lock', 'state', 'cache', 'run', 'ncalrpc', 'bind-dns']) {
    await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  }
}

function smbConf(
  realm: string,
  domain: string,
  folder: string,
  [port, passwordPort]: readonly [number, number],
  more: string,
): string {
  return `[global]
  realm = ${realm}
  workgroup = ${domain}
  netbios name = DC
  server role = active directory domain controller
  server services = kdc
  krb5 port = ${port}
  kpasswd port = ${passwordPort}
  interfaces = 127.0.0.1/8
  bind interfaces only = yes
  private dir = ${folder}/private
  lock directory = ${folder}/lock
  state directory = ${folder}/state
  cache directory = ${folder}/cache
  pid directory = ${folder}/run
  ncalrpc dir = ${folder}/ncalrpc
  binddns dir = ${folder}/bind-dns
  winbindd socket directory = ${folder}/run/winbindd
  ntp signd socket directory = ${folder}/run/ntp
  log level = 1 kerberos:3 auth_audit:3
${more}

[sysvol]
  path = ${folder}/state/sysvol

[netlogon]
  path = ${folder}/state/sysvol/${realm.toLowerCase()}/scripts
`;
}
