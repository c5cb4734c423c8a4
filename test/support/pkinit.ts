// A realm that accepts certificates. Anybody can log in as WELLKNOWN/ANONYMOUS, and carol can log
// in with her own certificate. A right certificate must never make a wrong password seem right.

import { execFile } from 'node:child_process';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';

const execute = promisify(execFile);

export interface PkinitRealm {
  /** The realm has the users alice and carol, whose passwords are 'wonderland'. */
  realm: Realm;
  /** Path of a krb5.conf that trusts the KDC's certificate. */
  config: string;
  /** Path of a krb5.conf that also names carol's certificate as the identity to use. */
  carolsConfig: string;
}

/** Starts a realm that accepts certificates. It needs `openssl` and the package krb5-pkinit. */
export async function startPkinitRealm(): Promise<PkinitRealm> {
  const users = { alice: 'wonderland', carol: 'wonderland' };
  const realm = await Realm.start({ users });
  await realm.kadmin('addprinc', '-nokey', 'WELLKNOWN/ANONYMOUS');
  await makeCertificates(realm);
  await enablePkinit(realm);
  return { realm, ...(await writeConfigs(realm)) };
}

async function enablePkinit(realm: Realm): Promise<void> {
  const { name, folder } = realm;
  const settings = `
[realms]
  ${name} = {
    pkinit_identity = FILE:${folder}/kdc.pem,${folder}/key.pem
    pkinit_anchors = FILE:${folder}/kdc.pem
  }
`;
  await appendFile(join(folder, 'kdc.conf'), settings);
  await realm.startKdc();
}

async function writeConfigs(realm: Realm): Promise<{ config: string; carolsConfig: string }> {
  const { name, folder } = realm;
  const anchors = `pkinit_anchors = FILE:${folder}/kdc.pem`;
  const identity = `pkinit_identities = FILE:${folder}/carol.pem,${folder}/key.pem`;
  const more = (...lines: string[]) => `[realms]\n${name} = {\n${lines.join('\n')}\n}\n`;
  return {
    config: await realm.writeConfig({ more: more(anchors) }),
    carolsConfig: await realm.writeConfig({ more: more(anchors, identity) }),
  };
}

/** Makes one key with two certificates: the KDC's is self-signed, and it signs carol's. */
async function makeCertificates(realm: Realm): Promise<void> {
  const openssl = (...args: string[]) => execute('openssl', args, { cwd: realm.folder });
  await writeFile(join(realm.folder, 'openssl.cnf'), opensslConfig(realm.name));
  await openssl(
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-out', 'kdc.pem'],
    ...['-config', 'openssl.cnf', '-extensions', 'kdc', '-subj', '/CN=KDC', '-days', '7'],
  );
  await openssl(
    ...['req', '-new', '-key', 'key.pem', '-out', 'carol.csr', '-config', 'openssl.cnf'],
    ...['-subj', '/CN=carol'],
  );
  await openssl(
    ...['x509', '-req', '-in', 'carol.csr', '-out', 'carol.pem', '-days', '7', '-set_serial', '2'],
    ...['-CA', 'kdc.pem', '-CAkey', 'key.pem', '-extfile', 'openssl.cnf', '-extensions', 'carol'],
  );
}

/** The names and key usages that RFC 4556 requires (sections 3.2.2 and 3.2.4). */
function opensslConfig(realm: string): string {
  return `
[req]
distinguished_name = subject
[subject]

[kdc]
basicConstraints = critical,CA:TRUE
keyUsage = digitalSignature,keyAgreement,keyCertSign
extendedKeyUsage = 1.3.6.1.5.2.3.5
subjectAltName = otherName:1.3.6.1.5.2.2;SEQUENCE:kdc_principal

[kdc_principal]
realm = EXPLICIT:0,GeneralString:${realm}
name = EXPLICIT:1,SEQUENCE:kdc_name
[kdc_name]
type = EXPLICIT:0,INTEGER:2
components = EXPLICIT:1,SEQUENCE:kdc_components
[kdc_components]
0.component = GeneralString:krbtgt
1.component = GeneralString:${realm}

[carol]
basicConstraints = critical,CA:FALSE
keyUsage = digitalSignature,keyAgreement
extendedKeyUsage = 1.3.6.1.5.2.3.4
subjectAltName = otherName:1.3.6.1.5.2.2;SEQUENCE:carol_principal

[carol_principal]
realm = EXPLICIT:0,GeneralString:${realm}
name = EXPLICIT:1,SEQUENCE:carol_name
[carol_name]
type = EXPLICIT:0,INTEGER:1
components = EXPLICIT:1,SEQUENCE:carol_components
[carol_components]
0.component = GeneralString:carol
`;
}
