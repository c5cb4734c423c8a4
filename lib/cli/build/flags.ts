// The compiler's flags: native/flags.json, which binding.gyp and CMakeLists.txt read too.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE } from '../../package-folder.js';

interface Flags {
  defines: string[];
  compile: string[];
  libraries: string[];
  linux: { compile: string[]; link: string[] };
  darwin: { compile: string[]; link: string[] };
}

export const FLAGS: Flags = JSON.parse(readFileSync(join(PACKAGE, 'native', 'flags.json'), 'utf8'));

/** Where the flags differ. Any other system is treated as Linux. */
export const SYSTEM = process.platform === 'darwin' ? 'darwin' : 'linux';
