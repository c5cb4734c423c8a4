/**
 * The Kerberos programs that a realm runs: where they are, what to install when they are not
 * there, and how one is run to its end.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

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
};

const PACKAGES: Record<string, Record<string, string>> = {
  krb5kdc: KDC_PACKAGES,
  kdb5_util: KDC_PACKAGES,
  'kadmin.local': KDC_PACKAGES,
  faketime: {
    'Debian, Ubuntu': 'apt-get install faketime',
    'Fedora, RHEL': 'dnf install libfaketime',
    Alpine: 'apk add libfaketime',
    Arch: 'pacman -S libfaketime',
  },
};

/** The path of a program. Throws an Error that names the packages to install when it is missing. */
export function find(program: string): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...FOLDERS];
  const path = folders.map((folder) => join(folder, program)).find(isExecutable);
  if (path === undefined) throw new Error(missing(program, folders));
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function missing(program: string, folders: string[]): string {
  const install = Object.entries(PACKAGES[program] ?? {}).map(
    ([system, command]) => `\n  ${system}: ${command}`,
  );
  return (
    `A test realm needs the program ${program}, which is not installed.` +
    `\nInstall it (its service need not run):${install.join('')}` +
    `\nLooked in ${[...new Set(folders)].join(', ')}`
  );
}

/**
 * Runs a program to its end and gives back what it printed. Its locale is C: what it prints is read
 * by programs. Rejects with an Error that carries its stderr when it fails.
 */
export function run(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const options = { env: { ...process.env, LC_ALL: 'C', ...env } };
  const path = find(program);
  return new Promise((resolve, reject) => {
    const child = execFile(path, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      // Not error.message: it quotes the whole command line, passwords included.
      const why = stderr.trim() || `exit code ${error.code}`;
      reject(new Error(`${program}: ${why}`));
    });
    child.stdin?.end();
  });
}
