// The first links: libkrb5, krb5.conf, the realm.

import { accessSync, constants, existsSync, readFileSync, realpathSync } from 'node:fs';
import type { Settings } from '../../arguments.js';
import { KpassError } from '../../errors.js';
import { doctorLine, shellWord } from '../usage.js';
import { firstBadLine } from './bad-line.js';
import { broken, type Finding, ok, type Seen, warning } from './chain.js';
import type { Krb5 } from './krb5.js';

/** Is it there, and which one? */
export async function lookAtLibrary(): Promise<Seen<Krb5>> {
  try {
    const facts = await import('./krb5.js');
    return { findings: ok(libraryIn(facts.libraryFile())), facts };
  } catch (error) {
    const [problem = '', ...remedy] = (error as Error).message.split('\n');
    return { findings: broken(problem, ...remedy), facts: null };
  }
}

/** libkrb5's version and its file. It has no function that tells: the text stands in the file. */
function libraryIn(file: string): string {
  if (file === '') return 'loaded';
  const path = realpathSync(file);
  const brand = /KRB5_BRAND: krb5-(\S+)/.exec(readFileSync(path, 'latin1'))?.[1];
  return `MIT krb5 ${brand?.replace(/-final$/, '') ?? 'of an unknown version'}, ${path}`;
}

/** Each file: is it there, may this user read it, can libkrb5? */
export function lookAtConfig(krb5: Krb5, settings: Settings): Seen<true> {
  const files = krb5.configFiles(settings);
  const source = configSource(settings);
  // Of the files that the defaults name one will do; of those named here each is needed.
  const enough = settings.config === null && files.some(isReadable);
  const findings = files.map((file) => {
    const finding = lookAtFile(krb5, settings, file, enough ? warning : broken);
    return { ...finding, detail: `${finding.detail} (from ${source})` };
  });
  const holds = !findings.some(({ status }) => status === 'broken');
  return { findings, facts: holds ? true : null };
}

function configSource(settings: Settings): string {
  if (settings.config !== null) return '--config';
  return process.env.KRB5_CONFIG === undefined ? "libkrb5's default" : 'KRB5_CONFIG';
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** `absent`: how bad it is not to have it. */
function lookAtFile(krb5: Krb5, settings: Settings, file: string, absent: typeof broken): Finding {
  if (file === '') return absent('an empty path', 'unset KRB5_CONFIG');
  if (!existsSync(file)) {
    return absent(
      `${file} does not exist`,
      'Install krb5-config (Debian, Ubuntu), or write one:',
      '[libdefaults]',
      '    default_realm = EXAMPLE.COM',
    );
  }
  if (!isReadable(file)) {
    return absent(
      `${file} cannot be read by ${thisUser()}`,
      `chmod a+r ${shellWord(file)}`,
      'It holds no secrets: everybody may read it.',
    );
  }
  const { step, message } = krb5.readConfigFile(settings, file);
  if (step === '') return ok(file);
  const line = firstBadLine(file, (copy) => krb5.readConfigFile(settings, copy).step === '');
  return broken(
    line === undefined ? message : `${message}, at line ${line}`,
    ...(line === undefined ? [] : [`sed -n ${line}p ${shellWord(file)}`]),
    'https://web.mit.edu/kerberos/krb5-latest/doc/admin/conf_files/krb5_conf.html',
  );
}

export function thisUser(): string {
  const uid = process.geteuid?.() ?? 0;
  return `${userName(uid)} (uid ${uid})`;
}

/** The name in /etc/passwd, or the number for those who are somewhere else: chown takes both. */
export function userName(uid: number): string {
  const row = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.split(':')[2] === String(uid));
  return row?.split(':')[0] ?? String(uid);
}

/** The service and its realm, named as a verification names them. */
export interface Naming {
  /** 'HTTP/localhost@EXAMPLE.COM' */
  service: string;
  realm: string;
}

export async function lookAtRealm(krb5: Krb5, settings: Settings): Promise<Seen<Naming>> {
  const host = settings.host ?? "this machine's name";
  const outcome = await krb5.nameService(settings).catch((error: unknown) => {
    if (error instanceof KpassError) return null;
    throw error;
  });
  if (outcome === null) {
    return unknown(`${host} has not become a name in ${settings.timeout} ms: DNS is slow`, [
      `getent hosts ${settings.host === null ? '$(hostname)' : shellWord(settings.host)}`,
      'Or name the host: --host www.example.com',
    ]);
  }
  const { step, message, service, realm } = outcome;
  if (step === 'krb5_parse_name') {
    return unknown(`${settings.service}/${host} is no name of a service: ${message}`, [
      'The host is a name alone, as it stands between https:// and the next slash or colon:',
      doctorLine({ ...settings, host: 'www.example.com' }),
    ]);
  }
  if (step !== '') {
    return unknown(`no realm for ${settings.service}/${host}: ${message}`, REALM_REMEDY);
  }
  const [byDefault] = krb5.configValues(settings, 'libdefaults', 'default_realm');
  const source = byDefault === realm ? 'default_realm' : '[domain_realm]';
  const elsewhere = otherRealms(krb5, settings, service);
  if (elsewhere.length > 0) return wrongRealm(service, realm, source, elsewhere);

  const detail = `${realm}, by ${source} in krb5.conf; the service is ${service}`;
  const finding =
    realm === realm.toUpperCase()
      ? ok(detail)
      : warning(
          `${detail}; realms are written in capitals, nearly everywhere`,
          `default_realm = ${realm.toUpperCase()}`,
        );
  return { findings: finding, facts: { service, realm } };
}

const REALM_REMEDY = [
  'Say in krb5.conf which realm this is:',
  '[libdefaults]',
  '    default_realm = EXAMPLE.COM',
];

const unknown = (detail: string, remedy: string[]) => ({
  findings: broken(detail, ...remedy),
  facts: null,
});

/** The service's keys in the keytab, where they are all of other realms than krb5.conf says. */
function otherRealms(krb5: Krb5, settings: Settings, service: string): string[] {
  const names = new Set(krb5.keytabKeys(settings).keys.map(({ principal }) => principal));
  if (names.has(service)) return [];
  const withoutRealm = service.slice(0, service.lastIndexOf('@') + 1);
  return [...names].filter((name) => name.startsWith(withoutRealm));
}

function wrongRealm(
  service: string,
  realm: string,
  source: string,
  elsewhere: string[],
): Seen<Naming> {
  const host = service.slice(service.indexOf('/') + 1, service.lastIndexOf('@'));
  const right = elsewhere[0]?.split('@').at(-1);
  return unknown(
    `wrong realm: ${source} in krb5.conf says ${realm}, but the keytab's key is of ` +
      `${elsewhere.join(', ')}`,
    [
      'Say in krb5.conf:',
      '[domain_realm]',
      `    ${host} = ${right}`,
      `or default_realm = ${right}, in [libdefaults]`,
    ],
  );
}
