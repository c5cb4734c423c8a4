// Which processes belong to a temporary folder.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Whether a process has the folder in its environment, or has a file in the folder open. The open
 * files are for samba, which overwrites its environment with its title. Returns false for a process
 * of another user, and for a process that has ended.
 */
export function belongsTo(pid: string, folder: string): boolean {
  try {
    if (readFileSync(`/proc/${pid}/environ`, 'utf8').includes(folder)) return true;
    const files = `/proc/${pid}/fd`;
    return readdirSync(files).some((fd) => readlink(`${files}/${fd}`).startsWith(folder));
  } catch {
    return false;
  }
}

/** The link's target; '' for a file that was closed meanwhile. */
function readlink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
