/** Services in every state that a KDC knows, and keytabs in every state that a disk knows. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Realm } from 'kpass/testing';

/** Each service's name says what is special about it, but for HTTP. */
export const SERVICES = {
  'HTTP/localhost': [],
  /** The KDC gives its ticket to nobody (code 27). */
  'nobody/localhost': ['-allow_svr'],
  /** Not with a password (code 12): its string `require_auth` asks for PKINIT. */
  'pkinitonly/localhost': [],
  'expired/localhost': ['-expire', '1/1/2001'],
} as const satisfies Record<string, readonly string[]>;

/** Adds all of them. */
export async function addServices(realm: Realm): Promise<void> {
  for (const [name, flags] of Object.entries(SERVICES)) await realm.addService(name, ...flags);
  await realm.kadmin('setstr', 'pkinitonly/localhost', 'require_auth', 'pkinit');
}

/** Gives a service a new key: keytabs made before now hold an old key version. */
export async function rekey(realm: Realm, service: string): Promise<void> {
  await realm.kadmin('cpw', '-randkey', service);
}

/** A keytab with the present keys of several principals. */
export async function keytabOf(realm: Realm, ...principals: string[]): Promise<string> {
  const path = nextPath(realm);
  await realm.kadmin('ktadd', '-norandkey', '-k', path, ...principals);
  return path;
}

/** A copy of the service's keytab in which the keys, and nothing else, are wrong. */
export async function keytabWithWrongKey(realm: Realm, service: string): Promise<string> {
  const bytes = await readFile(realm.keytab(service));
  // After two bytes of file version, each entry follows its length; it ends with the key and, in
  // four bytes, the key version.
  for (let start = 2; start < bytes.length; ) {
    const end = start + 4 + bytes.readInt32BE(start);
    const keyEnd = end - 4;
    bytes.writeUInt8(bytes.readUInt8(keyEnd - 1) ^ 0xff, keyEnd - 1);
    start = end;
  }
  return keytabFrom(realm, bytes);
}

/** A keytab file of these bytes: garbage, or none at all. */
export async function keytabFrom(realm: Realm, bytes: string | Uint8Array): Promise<string> {
  const path = nextPath(realm);
  await writeFile(path, bytes, { mode: 0o600 });
  return path;
}

/** A directory where a keytab should be. */
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
