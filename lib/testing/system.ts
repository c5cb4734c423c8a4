/**
 * What the system tells of what runs on it: by proc(5) on Linux; on macOS, which has nothing of the
 * kind, by the programs ps(1) and netstat(1).
 */
import { readFile, stat } from 'node:fs/promises';
import { run } from './programs';

const HAS_PROC = process.platform !== 'darwin';

/** Whether a process stands still: SIGSTOP has come to it. */
export async function isStopped(pid: number): Promise<boolean> {
  if (!HAS_PROC) return (await run('ps', ['-o', 'state=', '-p', `${pid}`], {})).startsWith('T');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')')).charAt(2) === 'T';
}

/**
 * Whether somebody has one of these files locked. Each line of /proc/locks names a file as
 * device:inode. macOS tells nobody.
 */
export async function isAnyLocked(paths: readonly string[]): Promise<boolean> {
  if (!HAS_PROC) return false;
  const locks = await readFile('/proc/locks', 'latin1');
  const files = await Promise.all(paths.map((path) => stat(path).catch(() => null)));
  const inodes = files.flatMap((file) => (file ? [file.ino] : []));
  return inodes.some((inode) => new RegExp(`:${inode} `).test(locks));
}

/** How many sockets of a protocol wait at a port of 127.0.0.1 for whoever comes. */
export async function countListeners(protocol: 'udp' | 'tcp', port: number): Promise<number> {
  if (!HAS_PROC) {
    const rows = rowsOf(await run('netstat', ['-an', '-p', protocol], {}));
    return rows.filter((row) => row[3] === `127.0.0.1.${port}` && row[4] === '*.*').length;
  }
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = rowsOf(await readFile(`/proc/net/${protocol}`, 'latin1'));
  const mine = rows.filter((row) => row[1] === local && row[2] === '00000000:0000');
  // By their inodes: a table that changes while it is read can name a socket twice.
  return new Set(mine.map((row) => row[9])).size;
}

function rowsOf(table: string): string[][] {
  return table.split('\n').map((line) => line.trim().split(/\s+/));
}
