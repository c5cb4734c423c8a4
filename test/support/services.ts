// Services in every state that a KDC knows, and files that are no keytabs.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Realm, ServiceOptions } from 'kpass/testing';

/** Each name describes the special property of the service; HTTP is ordinary. */
export const SERVICES = {
  'HTTP/localhost': {},
  /** The KDC gives its ticket to nobody (code 27). */
  'nobody/localhost': { flags: ['-allow_svr'] },
  /** The KDC gives its ticket to no password (code 12): `require_auth` asks for PKINIT. */
  'pkinitonly/localhost': {},
  'expired/localhost': { flags: ['-expire', '1/1/2001'] },
} as const satisfies Record<string, ServiceOptions>;

/** Adds all of `SERVICES`. */
export async function addServices(realm: Realm): Promise<void> {
  for (const [name, options] of Object.entries(SERVICES)) await realm.addService(name, options);
  await realm.kadmin('setstr', 'pkinitonly/localhost', 'require_auth', 'pkinit');
}

/** Writes a keytab file with these bytes, such as garbage or none at all. */
export async function keytabFrom(realm: Realm, bytes: string | Uint8Array): Promise<string> {
  const path = nextPath(realm);
  await writeFile(path, bytes, { mode: 0o600 });
  return path;
}

/** Makes a directory in place of a keytab. */
export async function keytabDirectory(realm: Realm): Promise<string> {
  const path = nextPath(realm);
  await mkdir(path);
  return path;
}

let paths = 0;

function nextPath(realm: Realm): string {
  paths += 1;
  return join(realm.folder, `test-${paths}.keytab`);
}
