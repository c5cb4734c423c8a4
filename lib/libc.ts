// Which C library this Node.js was made for. A binary made for glibc may well load on musl, which
// answers to glibc's name, and crash there later: so nothing is left to trying.
//
// Used by binding.ts, and by scripts/install/install.cjs when kpass is installed.

import { closeSync, openSync, readSync } from 'node:fs';

/**
 * musl's loader, which is also its C library: ld-musl-x86_64.so.1 is another name of libc.so, or its
 * only one. Where Node.js is started by way of it (`ld-musl-x86_64.so.1 node`), Node.js takes it for
 * the program that runs.
 */
const LOADER = /\/(ld-musl-[^/]+|libc\.so)$/;

/** Of the ELF files that kpass has binaries for: 64 bits, the least significant byte first. */
const ELF = '\x7fELF\x02\x01';
const HEADER = 64;
const PT_INTERP = 3;

/** Whether the program that runs this was made for musl, as on Alpine. */
export function isMusl(): boolean {
  return LOADER.test(process.execPath) || LOADER.test(loaderOf(process.execPath));
}

/** What a program names to be loaded by; '' if it cannot be read: it may have been replaced meanwhile. */
function loaderOf(program: string): string {
  try {
    const file = openSync(program, 'r');
    try {
      return interpreter((at, size) => {
        const bytes = Buffer.alloc(size);
        return bytes.subarray(0, readSync(file, bytes, 0, size, at));
      });
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}

/** Elf64_Ehdr and Elf64_Phdr, of elf(5). The text may be anywhere in the file. */
function interpreter(read: (at: bigint, size: number) => Buffer): string {
  const header = read(0n, HEADER);
  if (header.toString('latin1', 0, ELF.length) !== ELF) return '';
  const size = header.readUInt16LE(54);
  const table = read(header.readBigUInt64LE(32), size * header.readUInt16LE(56));
  for (let at = 0; at < table.length; at += size) {
    if (table.readUInt32LE(at) !== PT_INTERP) continue;
    const length = Number(table.readBigUInt64LE(at + 32));
    return read(table.readBigUInt64LE(at + 8), length - 1).toString('latin1'); // Without its NUL.
  }
  return '';
}
