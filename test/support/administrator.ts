// A shell in which remedies are run as doctor prints them: its kadmin and samba-tool are those of a
// test's realm, and its kpass is this one.

import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Realm } from 'kpass/testing';
import { COMMAND } from './command';
import type { HeimdalRealm } from './heimdal';
import type { SambaDomain } from './samba';
import { unpackedHeimdal, unpackedSamba } from './unpacked';

/** A program of the shell: its environment, its path and its first words. */
interface Program {
  env: Record<string, string>;
  words: string[];
  /** Words after the caller's own. */
  last?: string[];
}

export interface Administrator {
  /** Runs lines of a shell, each whether the one before it failed or not. Resolves to all output. */
  run(lines: readonly string[]): Promise<string>;
}

export const administratorOf = (realm: Realm): Promise<Administrator> =>
  administrator(realm.folder, {
    kadmin: { env: realm.env, words: ['kadmin.local'] },
  });

export const heimdalAdministrator = (realm: HeimdalRealm): Promise<Administrator> => {
  const { root, env } = unpackedHeimdal();
  const program = join(root, 'usr/bin/kadmin.heimdal');
  return administrator(realm.folder, {
    kadmin: {
      env: { ...env, KRB5_CONFIG: join(realm.folder, 'heimdal.conf') },
      words: [program, '--local', `--realm=${realm.name}`],
    },
  });
};

export const sambaAdministrator = (domain: SambaDomain): Promise<Administrator> => {
  const { root, env } = unpackedSamba();
  return administrator(domain.folder, {
    'samba-tool': {
      env: { ...env, KRB5_CONFIG: domain.config },
      words: ['python3', join(root, 'usr/bin/samba-tool')],
      last: ['-s', join(domain.folder, 'smb.conf')],
    },
  });
};

async function administrator(
  folder: string,
  programs: Record<string, Program>,
): Promise<Administrator> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  const kpass: Program = { env: {}, words: [process.execPath, COMMAND] };
  for (const [name, { env, words, last = [] }] of Object.entries({ ...programs, kpass })) {
    const path = join(bin, name);
    const set = Object.entries(env).map(([key, value]) => `${key}=${quoted(value)}`);
    const line = ['exec env', ...set, ...words.map(quoted), '"$@"', ...last.map(quoted)].join(' ');
    await writeFile(path, `#!/bin/sh\n${line}\n`);
    await chmod(path, 0o755);
  }
  const PATH = `${bin}:${process.env.PATH}:/usr/sbin`;
  return {
    async run(lines) {
      const script = lines.join('\n');
      const { stdout, stderr } = await promisify(execFile)('/bin/sh', ['-c', `${script}\ntrue`], {
        env: { ...process.env, PATH },
      });
      return stdout + stderr;
    },
  };
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
