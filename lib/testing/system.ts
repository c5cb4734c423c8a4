// The system's view of its processes, locks and sockets. On Linux it comes from proc(5). macOS has no
// proc(5): there it comes from the programs ps(1) and netstat(1).

import { readFile, stat } from 'node:fs/promises';
import { run } from './programs.js';

const HAS_PROC = process.platform !== 'darwin';

/** Whether SIGSTOP has stopped a process. */
export async function isStopped(pid: number): Promise<boolean> {
  if (!HAS_PROC) return (await run('ps', ['-o', 'state=', '-p', `${pid}`], {})).startsWith('T');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')')).charAt(2) === 'T';
}

/**
 * Whether any process has one of these files locked. Each line of /proc/locks names a file as
 * device:inode. On macOS the answer is always false: macOS does not show locks.
 */
export async function isAnyLocked(paths: readonly string[]): Promise<boolean> {
  if (!HAS_PROC) return false;
  const locks = await readFile('/proc/locks', 'latin1');
  const files = await Promise.all(paths.map((path) => stat(path).catch(() => null)));
  const inodes = files.flatMap((file) => (file ? [file.ino] : []));
  return inodes.some((inode) => new RegExp(`:${inode} `).test(locks));
}

/** The number of unconnected UDP sockets, or listening TCP sockets, on a port of 127.0.0.1. */
export async function countListeners(protocol: 'udp' | 'tcp', port: number): Promise<number> {
  if (!HAS_PROC) {
    const rows = rowsOf(await run('netstat', ['-an', '-p', protocol], {}));
    return rows.filter((row) => row[3] === `127.0.0.1.${port}` && row[4] === '*.*').length;
  }
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = rowsOf(await readFile(`/proc/net/${protocol}`, 'latin1'));
  const mine = rows.filter((row) => row[1] === local && row[2] === '00000000:0000');
  // Counted by inode: a table that changes during the read can name a socket twice.
  return new Set(mine.map((row) => row[9])).size;
}

function rowsOf(table: string): string[][] {
  return table.split('\n').map((line) => line.trim().split(/\s+/));
}
