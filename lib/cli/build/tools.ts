// What `kpass build` needs of this system, and the packages that have it.

import { readFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { FLAGS, SYSTEM } from './flags.js';
import { run } from './run.js';

export interface Tools {
  /** The compiler's command, such as ['g++'] or ['ccache', 'g++']. */
  compiler: string[];
  /** pkg-config's flags for MIT Kerberos. */
  compile: string[];
  link: string[];
}

/** Homebrew keeps its krb5 outside the folders that pkg-config searches: macOS has another Kerberos. */
const HOMEBREW = ['/opt/homebrew', '/usr/local'].map((root) => `${root}/opt/krb5/lib/pkgconfig`);

/** Finds the tools. Throws one Error that names what is missing, and the packages to install. */
export async function findTools(): Promise<Tools> {
  const [compiler, pkgConfig] = await Promise.all([findCompiler(), findPkgConfig()]);
  const kerberos = pkgConfig && (await askPkgConfig(pkgConfig));
  const missing = [
    ...(compiler ? [] : ['a C++ compiler']),
    ...(pkgConfig ? [] : ['pkg-config']),
    ...(kerberos ? [] : ["MIT Kerberos' headers"]),
  ];
  if (!compiler || !kerberos) throw new Error(lacks(missing.join(', ')));
  const fault = await faultOfHeaders(compiler, kerberos.compile);
  if (fault) throw new Error(lacks(`usable headers: ${fault}`));
  return { compiler, ...kerberos };
}

function findCompiler(): Promise<string[] | undefined> {
  const usual = process.platform === 'darwin' ? ['c++', 'clang++'] : ['g++', 'c++', 'clang++'];
  return firstOf(process.env.CXX ? [process.env.CXX] : usual);
}

function findPkgConfig(): Promise<string[] | undefined> {
  return firstOf(process.env.PKG_CONFIG ? [process.env.PKG_CONFIG] : ['pkg-config', 'pkgconf']);
}

/** The first of the commands that works. */
async function firstOf(commands: string[]): Promise<string[] | undefined> {
  for (const command of commands) {
    const words = command.trim().split(/\s+/);
    if ((await run([...words, '--version'])).ok) return words;
  }
  return undefined;
}

async function askPkgConfig(command: string[]): Promise<Omit<Tools, 'compiler'> | undefined> {
  const env = { ...process.env };
  if (process.platform === 'darwin') {
    env.PKG_CONFIG_PATH = [env.PKG_CONFIG_PATH, ...HOMEBREW].filter(Boolean).join(delimiter);
  }
  const [compile, link] = await Promise.all(
    ['--cflags', '--libs'].map((what) => run([...command, what, 'krb5'], { env })),
  );
  if (!compile?.ok || !link?.ok) return undefined;
  return { compile: words(compile.stdout), link: words(link.stdout) };
}

/** The words of pkg-config's output, which has a backslash before a blank of a path. */
export function words(text: string): string[] {
  return (text.match(/(\\.|[^\\\s])+/g) ?? []).map((word) => word.replaceAll(/\\(.)/g, '$1'));
}

/** The compiler's first error for a file that includes what kpass includes; '' if there is none. */
async function faultOfHeaders(compiler: string[], flags: string[]): Promise<string> {
  const text = ['krb5.h', 'profile.h', 'resolv.h', 'string']
    .map((name) => `#include <${name}>\n`)
    .join('');
  const command = [...compiler, ...FLAGS.compile, ...flags, '-fsyntax-only', '-x', 'c++', '-'];
  const { ok, stderr } = await run(command, { input: text });
  if (ok) return '';
  return stderr.split('\n').find((line) => /error/.test(line)) ?? stderr.trim();
}

/** By the names in os-release(5), ID and ID_LIKE. */
const PACKAGES: Record<string, string> = {
  debian: 'apt install g++ pkg-config libkrb5-dev',
  fedora: 'dnf install gcc-c++ pkgconf-pkg-config krb5-devel',
  alpine: 'apk add g++ pkgconf krb5-dev',
  arch: 'pacman -S gcc pkgconf krb5',
  suse: 'zypper install gcc-c++ pkgconf-pkg-config krb5-devel',
  macos: 'xcode-select --install && brew install krb5 pkgconf',
};

function lacks(what: string): string {
  const system = SYSTEM === 'darwin' ? 'ID=macos' : osRelease();
  return `to compile kpass, this system lacks ${what}\nTo install what is needed: ${installation(system)}`;
}

function osRelease(): string {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      return readFileSync(path, 'utf8');
    } catch {}
  }
  return '';
}

/** The command that installs everything on the system of that os-release; all commands if none fits. */
export function installation(osRelease: string): string {
  const names = [...osRelease.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)].flatMap(([, value = '']) =>
    value.replaceAll(/["']/g, '').split(/\s+/),
  );
  for (const name of names) {
    const command = PACKAGES[name.replace(/^opensuse.*/, 'suse')];
    if (command) return command;
  }
  return Object.entries(PACKAGES)
    .map(([name, command]) => `\n  ${name}: ${command}`)
    .join('');
}
