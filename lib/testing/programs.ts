// The Kerberos programs that a realm runs: where they are, the packages to install when they are
// missing, and a function that runs one to its end.

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { basename, delimiter, join } from 'node:path';

/** Homebrew keeps them out of PATH: macOS has programs of another Kerberos with the same names. */
const HOMEBREW = ['/opt/homebrew', '/usr/local'].flatMap((root) => [
  `${root}/opt/krb5/sbin`,
  `${root}/opt/krb5/bin`,
]);

/** Server programs live in sbin, which an ordinary user's PATH lacks. */
const FOLDERS = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/sbin',
  '/usr/bin',
  '/usr/local/bin',
  '/usr/lib/mit/sbin',
  '/usr/lib/mit/bin',
  '/opt/krb5/sbin',
  '/opt/krb5/bin',
];

const KDC_PACKAGES = {
  'Debian, Ubuntu': 'apt-get install krb5-kdc krb5-admin-server',
  'Fedora, RHEL': 'dnf install krb5-server',
  Alpine: 'apk add krb5-server',
  Arch: 'pacman -S krb5',
  macOS: 'brew install krb5',
};

const CLIENT_PACKAGES = {
  'Debian, Ubuntu': 'apt-get install krb5-user',
  'Fedora, RHEL': 'dnf install krb5-workstation',
  Alpine: 'apk add krb5',
  Arch: 'pacman -S krb5',
  macOS: 'brew install krb5',
};

const FAKETIME_PACKAGES = {
  'Debian, Ubuntu': 'apt-get install faketime',
  'Fedora, RHEL': 'dnf install libfaketime',
  Alpine: 'apk add libfaketime',
  Arch: 'pacman -S libfaketime',
  macOS: 'brew install libfaketime',
};

/** The paths of the programs that every realm runs. */
export interface KdcPrograms {
  krb5kdc: string;
  kdb5Util: string;
  kadminLocal: string;
}

/**
 * Finds the programs: in `folder` alone if it is given, else in PATH and in the usual folders.
 * Throws an Error that names the packages to install when a program is missing.
 */
export function findKdcPrograms(folder?: string): KdcPrograms {
  const names = ['krb5kdc', 'kdb5_util', 'kadmin.local'];
  const [krb5kdc = '', kdb5Util = '', kadminLocal = ''] = find(names, KDC_PACKAGES, folder);
  return { krb5kdc, kdb5Util, kadminLocal };
}

/** Finds kadmind, as `findKdcPrograms` finds the others. */
export function findKadmind(folder?: string): string {
  return find(['kadmind'], KDC_PACKAGES, folder)[0] ?? '';
}

/** The paths of the programs that get a ticket. */
interface ClientPrograms {
  kinit: string;
  kvno: string;
}

/** Finds the programs. Throws an Error that names the packages to install when one is missing. */
export function findClientPrograms(): ClientPrograms {
  const [kinit = '', kvno = ''] = find(['kinit', 'kvno'], CLIENT_PACKAGES);
  return { kinit, kvno };
}

/**
 * The variables that make faketime's library change a program's clock, such as '+10m'. Rejects with
 * an Error that names the packages to install when faketime is missing.
 */
export async function clockEnv(clock: string): Promise<Record<string, string>> {
  const [faketime = ''] = find(['faketime'], FAKETIME_PACKAGES);
  // The program faketime would stay between the shell and the KDC, and outlive the KDC. So it only
  // tells the path of its library.
  const printed = await run(faketime, ['-f', clock, 'env'], {});
  const library = /^LD_PRELOAD=(.*)$/m.exec(printed)?.[1] ?? '';
  return { LD_PRELOAD: library, FAKETIME: clock };
}

type Packages = Record<string, string>;

function find(programs: readonly string[], packages: Packages, folder?: string): string[] {
  const first = process.platform === 'darwin' ? HOMEBREW : [];
  const inPath = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const usual = [...first, ...inPath, ...FOLDERS];
  const folders = folder === undefined ? usual : [folder];
  const found = programs.map((program) => ({
    program,
    path: folders.map((each) => join(each, program)).find(isExecutable),
  }));
  const missing = found.filter(({ path }) => path === undefined).map(({ program }) => program);
  if (missing.length > 0) throw new Error(advice(missing, packages, folders));
  return found.map(({ path = '' }) => path);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function advice(missing: readonly string[], packages: Packages, folders: string[]): string {
  const [what, are] = missing.length === 1 ? ['program', 'is'] : ['programs', 'are'];
  const install = Object.entries(packages).map(([system, command]) => `\n  ${system}: ${command}`);
  return (
    `a test realm needs the ${what} ${missing.join(', ')}, which ${are} not installed.` +
    `\nInstall (none of its services has to run):${install.join('')}` +
    `\nLooked in ${[...new Set(folders)].join(', ')}`
  );
}

/**
 * Runs a program to its end and resolves to its output. The locale is C, because code reads the
 * output. Rejects with an Error that carries the program's stderr when it fails. Every local user can
 * read the arguments of a program: secrets go into `input`.
 */
export function run(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input = '',
): Promise<string> {
  const options = {
    env: { ...process.env, LC_ALL: 'C', ...env },
    maxBuffer: Number.POSITIVE_INFINITY,
  };
  return new Promise((resolve, reject) => {
    const child = execFile(path, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      // Not error.message: it quotes the whole command line, passwords included.
      // Without kadmin's usage: its twenty lines say nothing about the mistake.
      const [words = ''] = stderr.split('\nusage: ', 1);
      const why = words.trim() || `exit code ${error.code}`;
      reject(new Error(`${basename(path)}: ${why}`));
    });
    child.stdin?.on('error', () => {}); // EPIPE: the program has ended already
    child.stdin?.end(input);
  });
}
