// The realms of `kpass realm` and of kpass/testing: no service manager runs their KDC, no kadmind listens,
// and everything is in one folder of this user.

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

/** For a realm whose KDC has ended, or whose folder is gone. */
export const startAgain = (): string[] => [
  "It is a private realm's. Start another one, and export the variables that it prints:",
  [...commandWords(), 'realm'].join(' '),
  'Or, in a program with kpass/testing: await realm.startKdc()',
];
