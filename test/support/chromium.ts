// Headless Chromium for the tests: this machine's own, with a temporary profile.

import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import {
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type LaunchOptions,
  type Page,
} from 'playwright-core';

/** The names of its program; scripts/setup looks for the same. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Where Chromium finds tickets. It then trusts `localhost`, as the policy of an administrator says. */
export interface Tickets {
  /** Path of the krb5.conf. */
  config: string;
  /** Path of the user's credential cache. A file that is not there: a user without a ticket. */
  cache: string;
}

/**
 * Chromium loads GSS-API only after it has once been offered Negotiate, and restarts its network for
 * that. The first login of a profile therefore fails. It keeps in this file that it was offered.
 */
const OFFERED = { net: { received_http_auth_negotiate_headers: true } };

type NewContext = (options: BrowserContextOptions) => Promise<BrowserContext>;

export class Chromium implements AsyncDisposable {
  readonly #newContext: NewContext;
  readonly #close: () => Promise<void>;
  readonly #home: string;

  private constructor(newContext: NewContext, close: () => Promise<void>, home: string) {
    this.#newContext = newContext;
    this.#close = close;
    this.#home = home;
  }

  /** Starts Chromium. It trusts the self-signed certificates in these files, and no others. */
  static start(certificates: readonly string[]): Promise<Chromium> {
    return Chromium.#start(certificates, {}, async (options, home) => {
      // The example listens on this address; Chromium does not look the name up.
      const args = [...(options.args ?? []), '--host-resolver-rules=MAP localhost 127.0.0.1'];
      const browser = await chromium.launch({ ...options, args });
      return new Chromium(
        (its) => browser.newContext(its),
        () => browser.close(),
        home,
      );
    });
  }

  /**
   * Starts Chromium for a user of tickets, with one window. It looks `localhost` up: with a rule for the
   * name, it would ask for another service's ticket.
   */
  static startWithTickets(
    certificates: readonly string[],
    { config, cache }: Tickets,
  ): Promise<Chromium> {
    const env = { KRB5_CONFIG: config, KRB5CCNAME: `FILE:${cache}` };
    return Chromium.#start(certificates, env, async (options, home) => {
      await writeFile(join(home, 'Local State'), JSON.stringify(OFFERED));
      const args = [...(options.args ?? []), '--auth-server-allowlist=localhost'];
      const context = await chromium.launchPersistentContext(home, { ...options, args });
      return new Chromium(
        async () => context,
        () => context.close(),
        home,
      );
    });
  }

  static async #start(
    certificates: readonly string[],
    env: Record<string, string>,
    launch: (options: LaunchOptions, home: string) => Promise<Chromium>,
  ): Promise<Chromium> {
    const home = await mkdtemp(join(tmpdir(), 'chromium-'));
    try {
      const hashes = await Promise.all(certificates.map(keyHash));
      const options = {
        executablePath: find(),
        chromiumSandbox: hasSandbox(),
        args: [`--ignore-certificate-errors-spki-list=${hashes.join(',')}`],
        // Chromium writes more than its profile, such as crash reports.
        env: { ...process.env, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, ...env },
      };
      return await launch(options, home);
    } catch (error) {
      await rm(home, { recursive: true, force: true });
      throw error;
    }
  }

  /** Opens a page in a new window, which shares no passwords with others. */
  async open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#newContext(options);
    return context.newPage();
  }

  async stop(): Promise<void> {
    await this.#close();
    await rm(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** The first one that starts. Some files exist, but do not start: see scripts/setup. */
function find(): string {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const path = [...paths, chromium.executablePath()].find((each) => succeeds(each, '--version'));
  if (path === undefined) {
    throw new Error(`none of ${NAMES.join(', ')} is in PATH: scripts/setup installs Chromium`);
  }
  return path;
}

/**
 * Whether Chromium can have its sandbox. It cannot as root, or if the kernel or a container denies it
 * a user namespace. It is safe without: it sees only this project's own pages.
 */
function hasSandbox(): boolean {
  return process.getuid?.() !== 0 && succeeds('unshare', '--user', '--map-root-user', 'true');
}

function succeeds(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Chromium's name of a certificate's key: the SHA-256 of its SubjectPublicKeyInfo. */
async function keyHash(path: string): Promise<string> {
  const { publicKey } = new X509Certificate(await readFile(path));
  const info = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(info).digest('base64');
}
