// The realms of `kpass realm` and of kpass/testing: no service manager runs their KDC, no kadmind listens,
// and everything is in one folder of this user.

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { commandWords } from '../invocation.js';
import { shellWord } from '../usage.js';

/** A private realm, by the folder that has its krb5.conf. */
export interface PrivateRealm {
  readonly folder: string;
}

/** lib/testing makes the folder with mktemp. */
const FOLDER = /^kpass-realm-\w{6}$/;

/** Null if no file is the krb5.conf of a private realm. */
export function privateRealmOf(files: readonly string[]): PrivateRealm | null {
  const own = files.find(
    (file) => basename(file) === 'krb5.conf' && FOLDER.test(basename(dirname(file))),
  );
  return own === undefined ? null : { folder: dirname(own) };
}

/** A shell command that changes the realm. */
export function kadminLocal({ folder }: PrivateRealm, query: string): string {
  const files = { KRB5_CONFIG: 'krb5.conf', KRB5_KDC_PROFILE: 'kdc.conf' };
  const set = Object.entries(files).map(
    ([name, file]) => `${name}=${shellWord(join(folder, file))}`,
  );
  return [...set, 'kadmin.local', '-q', shellWord(query)].join(' ');
}

/** Whether the file was a private realm's, whose folder is gone. */
export const wasPrivate = (file: string): boolean =>
  FOLDER.test(basename(dirname(file))) && !existsSync(dirname(file));

/** For a realm that has ended. */
export const startAgain = (): string[] => [
  'It is a private realm, which has ended. Start another one, and export the variables that it prints:',
  [...commandWords(), 'realm'].join(' '),
];
