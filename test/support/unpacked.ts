// The KDCs that scripts/unpack-kdcs has put into build-samba and build-heimdal: their programs, and
// the environment in which the programs find their own libraries.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE = join(__dirname, '../..');

export interface Unpacked {
  /** The folder that stands for the root of the file system. */
  root: string;
  /** The environment of its programs. */
  env: Record<string, string>;
}

/** Samba. Throws an Error that names the command that unpacks it. */
export function unpackedSamba(): Unpacked {
  const { root, libraries } = unpacked('samba');
  const own = join(libraries, 'samba');
  // Samba fails if a folder does not exist. Since Samba 4.21, ldb's own modules are with Samba's.
  const modules = [join(own, 'ldb'), join(libraries, 'ldb/modules/ldb')].filter((each) =>
    existsSync(each),
  );
  const env = {
    LD_LIBRARY_PATH: `${libraries}:${own}`,
    LD_PRELOAD: join(root, 'paths.so'), // samba-paths.c
    SAMBA_MODULES: own,
    SAMBA_SETUP: join(root, 'usr/share/samba/setup'),
    LDB_MODULES_PATH: modules.join(':'),
    PYTHONPATH: join(root, 'usr/lib/python3/dist-packages'),
  };
  return { root, env };
}

/** Heimdal. Throws an Error that names the command that unpacks it. */
export function unpackedHeimdal(): Unpacked {
  const { root, libraries } = unpacked('heimdal');
  return { root, env: { LD_LIBRARY_PATH: `${libraries}:${join(libraries, 'heimdal')}` } };
}

function unpacked(name: string): { root: string; libraries: string } {
  const root = join(PACKAGE, `build-${name}`, 'root');
  if (!existsSync(join(root, '.complete'))) {
    throw new Error(`${root} is not complete. Run: scripts/unpack-kdcs`);
  }
  const libraries = readdirSync(join(root, 'usr/lib')).find((each) => each.endsWith('-linux-gnu'));
  if (libraries === undefined) throw new Error(`${root} has no libraries`);
  return { root, libraries: join(root, 'usr/lib', libraries) };
}
