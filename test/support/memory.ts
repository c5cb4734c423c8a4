// Finds copies of a secret in the memory of a child process, which the kernel lets its parent read.
// The search runs outside the child, because it leaves traces of the secret in its own memory.

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/**
 * This number of bytes in a row counts as a copy. The allocator overwrites the first 16 bytes of
 * freed memory, so a copy need not be whole.
 */
const PIECE = 8;

const CHUNK = 1 << 22;

export interface Copy {
  /** The mapping's name in /proc/PID/maps, such as '[heap]'; '' for an unnamed mapping. */
  mapping: string;
  address: string;
  /** The position in the secret of the first byte found. */
  offset: number;
  encoding: 'utf8' | 'utf16le';
}

/** Every piece of the secret in the writable memory of a process. */
export function copiesIn(pid: number, secret: string): Copy[] {
  const pieces = piecesOf(secret);
  const chunk = Buffer.allocUnsafeSlow(CHUNK);
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const copies: Copy[] = [];
  for (const { start, end, mapping } of writableMappings(pid)) {
    for (let at = start; at < end; at += CHUNK - 2 * PIECE) {
      const bytes = chunk.subarray(0, readMemory(memory, chunk, at, Math.min(end - at, CHUNK)));
      for (const { needle, offset, encoding } of pieces) {
        for (let i = bytes.indexOf(needle); i !== -1; i = bytes.indexOf(needle, i + 1)) {
          copies.push({ mapping, address: (at + i).toString(16), offset, encoding });
        }
      }
    }
  }
  closeSync(memory);
  return copies;
}

function piecesOf(secret: string) {
  return (['utf8', 'utf16le'] as const).flatMap((encoding) =>
    Array.from({ length: Math.floor(secret.length / PIECE) }, (_, n) => {
      const offset = n * PIECE;
      const needle = Buffer.from(secret.slice(offset, offset + PIECE), encoding);
      return { needle, offset, encoding };
    }),
  );
}

/** Returns 0 for a mapping that cannot be read, or is gone. */
function readMemory(memory: number, chunk: Buffer, at: number, size: number): number {
  try {
    return readSync(memory, chunk, 0, size, at);
  } catch {
    return 0;
  }
}

function writableMappings(pid: number) {
  return readFileSync(`/proc/${pid}/maps`, 'latin1')
    .split('\n')
    .flatMap((line) => {
      const found = /^(\w+)-(\w+) rw\S+ \S+ \S+ \S+ *(.*)$/.exec(line);
      const [, start = '', end = '', mapping = ''] = found ?? [];
      if (found === null) return [];
      return [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16), mapping }];
    });
}

/** Cuts ASCII text into two pads. Each pad is noise; the text is their exclusive or. */
export function masked(text: string): { noise: number[]; mask: number[] } {
  const mask = [...randomBytes(text.length)];
  return { noise: mask.map((byte, i) => byte ^ text.charCodeAt(i)), mask };
}
