// Which C library this Node.js was made for. A binary made for glibc may well load on musl, which
// answers to glibc's name, and crash there later: so nothing is left to trying.
//
// Used by binding.ts, and by scripts/install.cjs when kpass is installed.

import { closeSync, openSync, readSync } from 'node:fs';

/** The first page of a program names its loader, as of ELF's PT_INTERP: '/lib/ld-musl-x86_64.so.1'. */
const PAGE = 4096;

/** Whether the program that runs this was made for musl, as on Alpine. */
export function isMusl(): boolean {
  const page = Buffer.alloc(PAGE);
  const file = openSync(process.execPath, 'r');
  try {
    readSync(file, page, 0, PAGE, 0);
  } finally {
    closeSync(file);
  }
  return page.includes('/ld-musl-');
}
