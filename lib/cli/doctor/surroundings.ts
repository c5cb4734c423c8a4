// What several links speak of: the user that doctor runs as, the service's names, and paths that hang.

import { readFileSync, statSync } from 'node:fs';

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
