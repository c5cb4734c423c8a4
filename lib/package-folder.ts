// Where the package is. The command uses this before the addon loads, and without it.

import { join } from 'node:path';

/** The package's folder. This file is in its dist/. */
export const PACKAGE = join(__dirname, '..');
