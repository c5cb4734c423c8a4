// Which C library this Node.js was made for. A binary made for glibc may well load on musl, which
// answers to glibc's name, and crash there later: so nothing is left to trying.
//
// Used by binding.ts, and by scripts/install.cjs when kpass is installed.

import { closeSync, openSync, readSync } from 'node:fs';

/** The first page of a program names its loader, as of ELF's PT_INTERP: '/lib/ld-musl-x86_64.so.1'. */
const PAGE = 4096;

/** Whether the program that runs this was made for musl, as on Alpine. */
export function isMusl(): boolean {
  return firstPage(process.execPath).includes('/ld-musl-');
}

/** Empty where the file cannot be read: one that is run may have been replaced meanwhile. */
function firstPage(path: string): Buffer {
  const page = Buffer.alloc(PAGE);
  try {
    const file = openSync(path, 'r');
    try {
      return page.subarray(0, readSync(file, page, 0, PAGE, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return page.subarray(0, 0);
  }
}
