// Small C libraries that are preloaded into a program, to change what it finds on this machine.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Compiles test/support/<name>.c in the folder, for LD_PRELOAD. */
export async function preloaded(name: string, folder: string, ...libraries: string[]) {
  const library = join(folder, `${name}.so`);
  const source = join(__dirname, `${name}.c`);
  await promisify(execFile)('gcc', ['-shared', '-fPIC', '-o', library, source, ...libraries]);
  return library;
}
