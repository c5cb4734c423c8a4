// What several links speak of: the user that doctor runs as, the service's names, and paths that hang.

import { accessSync, constants, lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { shellWord } from '../usage.js';

/** The names of the service and of its realm, as a verification uses them. */
export interface Naming {
  /** 'HTTP/localhost@EXAMPLE.COM' */
  service: string;
  realm: string;
}

export function thisUser(): string {
  const uid = process.geteuid?.() ?? 0;
  return `${userName(uid)} (uid ${uid})`;
}

/** The name in /etc/passwd, or the number of a user who is not in it. chown takes both. */
export function userName(uid: number): string {
  let users = '';
  try {
    users = readFileSync('/etc/passwd', 'utf8');
  } catch {
    // A container may have no such file.
  }
  const row = users.split('\n').find((line) => line.split(':')[2] === String(uid));
  return row?.split(':')[0] ?? String(uid);
}

/** What a path leads to, if libkrb5 would wait for ever when it opens or reads that; null if not. */
export function blocking(path: string): string | null {
  try {
    const stats = statSync(path);
    if (stats.isFIFO()) return 'a pipe: libkrb5 needs a file, which it reads more than once';
    if (stats.isSocket()) return 'a socket';
  } catch {
    // Another check says why.
  }
  return null;
}

export function allows(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** As many links as the kernel follows. */
const MAX_LINKS = 40;

/** The first folder on the way to a file that this user may not enter; null for none. Follows links. */
export function closedFolder(file: string, links = MAX_LINKS): string | null {
  const path = resolve(file);
  const folder = dirname(path);
  if (folder === path) return null;
  const above = closedFolder(folder, links);
  if (above !== null) return above;
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return null;
  if (!allows(folder, constants.X_OK)) return folder;
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink && links > 0 ? closedFolder(resolve(folder, readlinkSync(path)), links - 1) : null;
}

/** The commands that let this user into a folder. */
export const enter = (folder: string): string[] => [
  `ls -ld ${shellWord(folder)}`,
  'Run doctor as the user that runs the service. If you did, run as root:',
  `setfacl -m u:${userName(process.geteuid?.() ?? 0)}:x ${shellWord(folder)}`,
];
