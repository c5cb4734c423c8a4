// kpass as its users get it: the tarball of a release, with the binaries for this processor, and empty
// projects to install it in, with or without a compiler in PATH.

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { chmod, mkdtemp, realpath, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The versions of Node.js that the package is tested with; scripts/setup installs them. */
export const NODES = ['node-20', 'node-22', 'node-24', 'node-26'];

export const PACKAGE = join(__dirname, '..', '..');

/** A folder for all packages and projects. The process removes it when it ends. */
let folder: string | undefined;
function temporary(): string {
  if (folder !== undefined) return folder;
  const made = mkdtempSync(join(tmpdir(), 'kpass-packed-'));
  process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  folder = made;
  return made;
}

/** Makes an empty folder. */
export const emptyFolder = () => mkdtemp(join(temporary(), 'folder-'));

/** ms for the first tarball: zig compiles libc++ first, and other programs may share the machine. */
export const PACKING = 900_000;

/** The tarball of a release, with the binaries for this processor only: for glibc and for musl. */
export function tarball(): Promise<string> {
  made ??= release();
  return made;
}
let made: Promise<string> | undefined;

async function release(): Promise<string> {
  const where = await emptyFolder();
  await runScript('build-binaries', where);
  return pack(where);
}

/** Packs a release with the binaries in the folder. */
export async function pack(where: string): Promise<string> {
  const { stdout } = await runScript('pack', where);
  return stdout.trim();
}

function runScript(name: string, where: string) {
  const env = { ...process.env, KPASS_RELEASE: where };
  const targets = ['glibc', 'musl'].map((libc) => `${process.arch}-${libc}`);
  return execute(join(PACKAGE, 'scripts', name), targets, { cwd: PACKAGE, env });
}

/** The package as a folder that a test may change. With `binary: false`, it has no binary. */
export async function unpacked(options: { binary?: boolean } = {}): Promise<string> {
  const where = await emptyFolder();
  await execute('tar', ['-xzf', await tarball(), '-C', where]);
  const root = join(where, 'package');
  if (options.binary === false) rmSync(join(root, 'prebuilds'), { recursive: true });
  return root;
}

/** Makes an executable script, alone in a folder. Returns its path. */
export async function script(name: string, source: string): Promise<string> {
  const path = join(await emptyFolder(), name);
  await writeFile(path, `#!/bin/sh\n${source}\n`);
  await chmod(path, 0o755);
  return path;
}

/** A compiler that takes a second less for each source: the addon that it makes is this checkout's. */
export function copyingCompiler(): Promise<string> {
  const addon = join(PACKAGE, 'build', 'Release', 'kpass.node');
  return script(
    'copying-c++',
    `while [ $# -gt 0 ]; do
       case $1 in -o) output=$2 ;; esac
       shift
     done
     [ ! "$output" ] || cp '${addon}' "$output"`,
  );
}

/** Makes a project with nothing but these dependencies. */
export async function emptyProject(dependencies: Record<string, string> = {}): Promise<string> {
  const where = await emptyFolder();
  const manifest = { name: 'project', private: true, dependencies };
  await writeFile(join(where, 'package.json'), JSON.stringify(manifest));
  return where;
}

/** The path of a runtime that scripts/setup installs: 'node-22', 'bun', 'deno'. */
export function runtime(name: string): string {
  const modules = join(PACKAGE, 'build-runtimes', 'node_modules');
  const { arch } = process;
  const bun = arch === 'x64' ? 'x64' : 'aarch64';
  const path = join(
    modules,
    {
      bun: `@oven/bun-linux-${bun}/bin/bun`,
      deno: `@deno/linux-${arch}-glibc/deno`,
    }[name] ?? `${name}/bin/node`,
  );
  if (!existsSync(path)) throw new Error(`no ${path}: run scripts/setup`);
  return path;
}

/** The environment of a machine that has only a Node.js, npm, sh and these programs. */
export async function bareEnvironment(
  node: string,
  programs: readonly string[] = [],
): Promise<NodeJS.ProcessEnv> {
  const bin = await emptyFolder();
  await symlink(node, join(bin, 'node'));
  await symlink(await realpath(which('npm')), join(bin, 'npm'));
  for (const program of ['sh', ...programs]) await symlink(which(program), join(bin, program));
  return { ...process.env, PATH: bin };
}

function which(program: string): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const path = folders.map((each) => join(each, program)).find((each) => existsSync(each));
  if (path === undefined) throw new Error(`no ${program} in PATH`);
  return path;
}

/** Installs a tarball or a folder in a project. It returns npm's output, and rejects as execFile does. */
export async function install(
  project: string,
  what: string,
  env: NodeJS.ProcessEnv = process.env,
  ...more: string[]
): Promise<string> {
  const options = ['--no-audit', '--no-fund', '--prefer-offline'];
  // --install-links: npm copies a folder, as it does a tarball, instead of linking to it.
  const { stdout, stderr } = await execute(
    'npm',
    ['install', '--install-links', ...options, ...more, what],
    { cwd: project, env },
  );
  return stdout + stderr;
}

/** Writes a file in a project, and runs it there with a program. */
export async function runFile(
  project: string,
  command: readonly [string, ...string[]],
  name: string,
  source: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  await writeFile(join(project, name), source);
  const [program, ...args] = command;
  const { stdout } = await execute(program, [...args, name], { cwd: project, env });
  return stdout;
}

/** A program that verifies a password, and prints the file of the addon. */
export const PROGRAM = `
  const { kpass } = require('kpass');
  kpass('alice', 'wonderland', 'HTTP', 'localhost', process.env.KEYTAB).then((answer) => {
    const maps = require('node:fs').readFileSync('/proc/self/maps', 'latin1');
    console.log(answer, /kpass\\/(\\S+\\.node)$/m.exec(maps)[1]);
  });`;

/** A user's first steps: packs a folder, installs it in an empty project, verifies a password. */
export async function packToPassword(folder: string, env: NodeJS.ProcessEnv) {
  const project = await emptyProject();
  const begun = performance.now();
  const { stdout } = await execute('npm', ['pack', '--ignore-scripts', '--silent', folder], {
    cwd: project,
    env,
  });
  await install(project, `./${stdout.trim()}`, env);
  const answer = await runFile(project, ['node'], 'program.cjs', PROGRAM, env);
  return { project, answer, ms: Math.round(performance.now() - begun) };
}
