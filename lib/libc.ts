// Finds out whether this Node.js was built for glibc or for musl. Trying is not safe: a binary for
// glibc may load on musl, which also provides glibc's library name, and crash later.
//
// Used by binding.ts, and by scripts/install/install.cjs when kpass is installed.

import { closeSync, openSync, readSync } from 'node:fs';

/**
 * The path of musl's loader. The loader is musl's C library as well: ld-musl-x86_64.so.1 is another
 * name of libc.so, or its only name. If the loader starts Node.js (`ld-musl-x86_64.so.1 node`),
 * process.execPath is the loader's path.
 */
const LOADER = /\/(ld-musl-[^/]+|libc\.so)$/;

/** How a 64-bit, little-endian ELF file begins. kpass has binaries for these only. */
const ELF = '\x7fELF\x02\x01';
const HEADER = 64;
const PT_INTERP = 3;

/** Whether this Node.js was built for musl, as on Alpine. */
export function isMusl(): boolean {
  return LOADER.test(process.execPath) || LOADER.test(loaderOf(process.execPath));
}

/** The loader that a program names. '' if the file cannot be read: it may have been replaced. */
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

/** Reads Elf64_Ehdr and Elf64_Phdr: see elf(5). The loader's name may be anywhere in the file. */
function interpreter(read: (at: bigint, size: number) => Buffer): string {
  const header = read(0n, HEADER);
  if (header.toString('latin1', 0, ELF.length) !== ELF) return '';
  const size = header.readUInt16LE(54);
  const table = read(header.readBigUInt64LE(32), size * header.readUInt16LE(56));
  for (let at = 0; at < table.length; at += size) {
    if (table.readUInt32LE(at) !== PT_INTERP) continue;
    const length = Number(table.readBigUInt64LE(at + 32));
    return read(table.readBigUInt64LE(at + 8), length - 1).toString('latin1'); // Without the final NUL.
  }
  return '';
}
