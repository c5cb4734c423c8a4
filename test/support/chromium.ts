// Headless Chromium for the tests: this machine's own, with a temporary profile.

import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** The names of its program; scripts/setup looks for the same. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

export class Chromium implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #home: string;

  private constructor(browser: Browser, home: string) {
    this.#browser = browser;
    this.#home = home;
  }

  /** Starts Chromium. It trusts the self-signed certificates in these files, and no others. */
  static async start(certificates: readonly string[]): Promise<Chromium> {
    const home = await mkdtemp(join(tmpdir(), 'chromium-'));
    try {
      const hashes = await Promise.all(certificates.map(keyHash));
      const browser = await chromium.launch({
        executablePath: find(),
        chromiumSandbox: hasSandbox(),
        args: [
          `--ignore-certificate-errors-spki-list=${hashes.join(',')}`,
          // The example listens on this address; Chromium does not look the name up.
          '--host-resolver-rules=MAP localhost 127.0.0.1',
        ],
        // Chromium writes more than its profile, such as crash reports.
        env: { ...process.env, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
      });
      return new Chromium(browser, home);
    } catch (error) {
      await rm(home, { recursive: true, force: true });
      throw error;
    }
  }

  /** Opens a page in a new window, which shares no passwords with others. */
  async open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext(options);
    return context.newPage();
  }

  async stop(): Promise<void> {
    await this.#browser.close();
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
