// Finds out whether this Node.js was built for glibc or for musl. Trying is not safe: a binary for
// glibc may load on musl, which also provides glibc's library name, and crash later.
//
// Node's permission model may forbid to read the program. Then Node's report tells: it takes some ms.

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
  if (LOADER.test(process.execPath)) return true;
  const loader = loaderOf(process.execPath);
  return loader === null ? !reportsGlibc() : LOADER.test(loader);
}

/** Whether Node's report names a version of glibc. Bun and Deno have no report: their programs are read. */
function reportsGlibc(): boolean {
  const report = process.report as
    | (NodeJS.ProcessReport & { excludeNetwork?: boolean })
    | undefined;
  if (!report) return true;
  const { excludeNetwork = false } = report;
  report.excludeNetwork = true; // The report would ask DNS for the names of all peers.
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return header?.glibcVersionRuntime !== undefined;
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

/** The loader that a program names. null if the file cannot be read: it may have been replaced. */
function loaderOf(program: string): string | null {
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
    return null;
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
