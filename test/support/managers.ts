// The package managers that kpass is installed with: their commands, in a project and a home of their own.

import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { emptyFolder, emptyProject, PACKAGE, runtime } from './packed';

const execute = promisify(execFile);

interface Manager {
  /** The command, without `node`. */
  program: string;
  add(tarball: string): string[];
  /** Installs what the lockfile says, or fails. */
  frozen: string[];
  /** Runs a command of an installed package. */
  exec: string[];
  /** Runs a program in the project; by default with `node`. */
  run?: string[];
  /** Settings, by their file. */
  files?: Record<string, string>;
}

const module = (path: string) => join(PACKAGE, 'build-runtimes', 'node_modules', path);

const npm = (version: number): Manager => ({
  program: module(`npm-${version}/bin/npm-cli.js`),
  add: (tarball) => ['install', '--no-audit', '--no-fund', tarball],
  frozen: ['ci', '--no-audit', '--no-fund'],
  exec: ['exec', '--'],
});

const pnpm = (version: number, file: string): Manager => ({
  program: module(`pnpm-${version}/bin/${file}`),
  add: (tarball) => ['add', tarball],
  frozen: ['install', '--frozen-lockfile'],
  exec: ['exec'],
});

const yarn = (linker: string): Manager => ({
  program: module('yarn-4/bin/yarn.js'),
  add: (tarball) => ['add', `kpass@file:${tarball}`],
  frozen: ['install', '--immutable'],
  exec: [],
  run: ['node'],
  files: { '.yarnrc.yml': `nodeLinker: ${linker}\nenableTelemetry: false\n`, 'yarn.lock': '' },
});

export const MANAGERS: Record<string, Manager> = {
  'npm 11': npm(11),
  'npm 12': npm(12),
  'pnpm 10': pnpm(10, 'pnpm.cjs'),
  'pnpm 11': pnpm(11, 'pnpm.mjs'),
  'pnpm 12': pnpm(12, 'pnpm.mjs'),
  'Yarn 4': yarn('node-modules'),
  "Yarn 4's PnP": yarn('pnp'),
  Bun: {
    program: runtime('bun'),
    add: (tarball) => ['add', tarball],
    frozen: ['install', '--frozen-lockfile'],
    exec: ['x'],
  },
};

/** A project that a manager works in, with an empty cache, and Node.js 24 as `node`. */
export class ManagedProject {
  private constructor(
    private readonly manager: Manager,
    readonly folder: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  static async make(name: string, more: NodeJS.ProcessEnv = {}): Promise<ManagedProject> {
    const manager = MANAGERS[name];
    if (manager === undefined) throw new Error(`no manager ${name}`);
    const folder = await emptyProject();
    for (const [file, text] of Object.entries(manager.files ?? {})) {
      await writeFile(join(folder, file), text);
    }
    const home = await emptyFolder();
    const bin = join(home, 'bin');
    await mkdir(bin);
    await symlink(runtime('node-24'), join(bin, 'node'));
    const env = {
      HOME: home,
      PATH: `${bin}:${process.env.PATH}`,
      CI: '1',
      NO_COLOR: '1',
      npm_config_cache: join(home, 'npm'),
      npm_config_update_notifier: 'false',
      ...more,
    };
    return new ManagedProject(manager, folder, env);
  }

  /** Installs the tarball. Returns the output. */
  add(tarball: string): Promise<string> {
    return this.call(...this.manager.add(tarball));
  }

  /** Installs what the lockfile says. Returns the output. */
  installFrozen(): Promise<string> {
    return this.call(...this.manager.frozen);
  }

  /** Runs the command `kpass`. Returns the output. */
  kpass(...args: string[]): Promise<string> {
    return this.call(...this.manager.exec, 'kpass', ...args);
  }

  /** Runs a program of the project. Returns its output. */
  async run(source: string): Promise<string> {
    await writeFile(join(this.folder, 'program.cjs'), source);
    if (this.manager.run) return this.call(...this.manager.run, 'program.cjs');
    return this.execute('node', 'program.cjs');
  }

  private call(...args: string[]): Promise<string> {
    const { program } = this.manager;
    return /js$/.test(program)
      ? this.execute('node', program, ...args)
      : this.execute(program, ...args);
  }

  private async execute(program: string, ...args: string[]): Promise<string> {
    const { stdout, stderr } = await execute(program, args, { cwd: this.folder, env: this.env });
    return stdout + stderr;
  }
}
