// The first links: libkrb5, krb5.conf, the realm.

import { accessSync, constants, existsSync, readFileSync, realpathSync } from 'node:fs';
import type { Settings } from '../../settings.js';
import { doctorLine, shellWord } from '../usage.js';
import { firstBadLine } from './bad-line.js';
import { broken, type Diagnosis, type LookResult, ok, warning } from './chain.js';
import { includesOf, type Skipped, skippedIn } from './config-files.js';
import { readKeytab } from './keytab.js';
import { ifLate, Krb5 } from './krb5.js';
import { startAgain, wasPrivate } from './private-realm.js';
import { blocking, closedFolder, enter, type Naming, thisUser } from './surroundings.js';

/** Whether libkrb5 loads, and its version. */
export async function lookAtLibrary(settings: Settings): Promise<LookResult<Krb5>> {
  const facts = new Krb5(settings);
  try {
    return { diagnoses: ok(libraryIn(await facts.ask('libraryFile'))), facts };
  } catch (error) {
    facts.close();
    const [problem = '', ...remedy] = (error as Error).message.split('\n');
    return { diagnoses: broken(problem, ...remedy), facts: null };
  }
}

/** libkrb5's version and its file. No function of it tells the version, but its file contains it. */
function libraryIn(file: string): string {
  if (file === '') return 'loaded';
  const path = realpathSync(file);
  const brand = /KRB5_BRAND: krb5-(\S+)/.exec(readFileSync(path, 'latin1'))?.[1];
  return `MIT krb5 ${brand?.replace(/-final$/, '') ?? 'of an unknown version'}, ${path}`;
}

/** Checks that each file exists, and that this user and libkrb5 can read it. */
export async function lookAtConfig(krb5: Krb5, settings: Settings): Promise<LookResult<true>> {
  const files = await krb5.ask('configFiles');
  const source = configSource(settings);
  // One of the default files is enough. Each file that --config names is needed.
  const enough = settings.config === null && files.some(isReadable);
  const diagnoses: Diagnosis[] = [];
  for (const file of files) {
    const diagnosis = await lookAtFile(krb5, file, source, enough ? warning : broken);
    diagnoses.push({ ...diagnosis, detail: `${diagnosis.detail} (from ${source})` });
  }
  const readable = () => !diagnoses.some(({ status }) => status === 'broken');
  for (const file of readable() ? files : []) {
    for (const skipped of allSkipped(file)) {
      const harm = (skipped.all && files.length === 1) || (await hasNoRealm(krb5));
      diagnoses.push((harm ? broken : warning)(skipped.detail, ...skipped.remedy));
    }
  }
  return { diagnoses, facts: readable() ? true : null };
}

/** The lines that libkrb5 skips in the file, and in the files that it includes. */
function allSkipped(file: string): Skipped[] {
  return [file, ...includesOf(file).map((include) => include.file)].flatMap(
    (each) => skippedIn(each) ?? [],
  );
}

/** Skipped lines are a mistake if what they say is missing. */
async function hasNoRealm(krb5: Krb5): Promise<boolean> {
  return (await krb5.ask('nameService').catch(() => null))?.step === 'krb5_get_host_realm';
}

type Source = '--config' | 'KRB5_CONFIG' | "libkrb5's default";

function configSource(settings: Settings): Source {
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

/** `absent` makes the diagnosis for a file that does not exist or cannot be read. */
async function lookAtFile(
  krb5: Krb5,
  file: string,
  source: Source,
  absent: typeof broken,
): Promise<Diagnosis> {
  if (file === '') return absent('an empty path', 'unset KRB5_CONFIG');
  const closed = closedFolder(file);
  if (closed !== null) {
    return absent(
      `${file} cannot be reached by ${thisUser()}: no permission to enter ${closed}`,
      ...enter(closed),
      'Or copy the file to another folder. It holds no secrets.',
    );
  }
  if (!existsSync(file)) {
    return absent(`${file} does not exist`, ...remedyOfMissing(file, source));
  }
  if (!isReadable(file)) {
    return absent(
      `${file} cannot be read by ${thisUser()}`,
      `chmod a+r ${shellWord(file)}`,
      'The file holds no secrets: everyone may read it.',
    );
  }
  const kind = blocking(file);
  if (kind !== null) return broken(`${file} is ${kind}`, `ls -lL ${shellWord(file)}`);
  return (await syntaxError(krb5, file)) ?? ok(file);
}

function remedyOfMissing(file: string, source: Source): string[] {
  if (wasPrivate(file)) return startAgain();
  const example = ['[libdefaults]', '    default_realm = EXAMPLE.COM'];
  switch (source) {
    case '--config':
      return ['Correct the option --config, or write the file:', ...example];
    case 'KRB5_CONFIG':
      return [
        'Correct the variable, or remove it to use the default file:',
        'unset KRB5_CONFIG',
        'Or write the file:',
        ...example,
      ];
    case "libkrb5's default":
      return ['Install krb5-config (Debian, Ubuntu), or write the file:', ...example];
  }
}

/** The first mistake in the file or in one that it includes; null if libkrb5 can read all of them. */
async function syntaxError(
  krb5: Krb5,
  file: string,
  outer: readonly string[] = [],
): Promise<Diagnosis | null> {
  const { step, message } = await krb5.ask('readConfigFile', file).catch(ifLate(hangs(file)));
  if (step === '') return null;
  for (const { file: inner, by } of includesOf(file)) {
    if (outer.includes(inner)) continue;
    const found = await syntaxError(krb5, inner, [...outer, file]);
    if (found !== null) return { ...found, detail: `${found.detail}; ${by}` };
  }
  const manual = 'https://web.mit.edu/kerberos/krb5-latest/doc/admin/conf_files/krb5_conf.html';
  if (!isReadable(file)) return broken(message, `ls -l ${shellWord(file)}`);
  const line = await firstBadLine(
    file,
    async (copy) => (await krb5.ask('readConfigFile', copy)).step === '',
  ).catch(() => undefined); // there may be no place for the copy
  if (line === undefined) return broken(message, manual);
  return broken(`${message}, at line ${line}`, `sed -n ${line}p ${shellWord(file)}`, manual);
}

/** libkrb5 waits for a file without end. */
export function hangs(file: string): Diagnosis {
  return broken(
    `${file}, or a file that it includes, could not be read in time: it is a pipe, or its disk is silent`,
    `ls -lL ${shellWord(file)}`,
    `timeout 5 cat ${shellWord(file)}`,
  );
}

export async function lookAtRealm(krb5: Krb5, settings: Settings): Promise<LookResult<Naming>> {
  const host = settings.host ?? "this machine's name";
  const slow = broken(
    `${host} was not resolved in ${settings.timeout} ms: DNS is slow`,
    `getent hosts ${settings.host === null ? '"$(hostname)"' : shellWord(settings.host)}`,
    'Or name the host: --host www.example.com',
  );
  const { step, message, service, realm } = await krb5.ask('nameService').catch(ifLate(slow));
  if (step === 'krb5_parse_name') {
    return unknown(`${settings.service}/${host} is not a service name: ${message}`, [
      'Give the name of the host alone, without https://, port or path:',
      doctorLine({ ...settings, host: 'www.example.com' }),
    ]);
  }
  if (step !== '') {
    return unknown(`no realm for ${settings.service}/${host}: ${message}`, REALM_REMEDY);
  }
  const [byDefault] = await krb5.ask('configValues', 'libdefaults', 'default_realm');
  const source = byDefault === realm ? 'default_realm' : '[domain_realm]';
  const elsewhere = await otherRealms(krb5, settings, service);
  if (elsewhere.length > 0) return wrongRealm(service, realm, source, elsewhere);

  const detail = `${realm}, from ${source} in krb5.conf; the service is ${service}`;
  const diagnosis =
    realm === realm.toUpperCase()
      ? ok(detail)
      : warning(
          `${detail}; nearly all realms are written in capitals`,
          `default_realm = ${realm.toUpperCase()}`,
        );
  return { diagnoses: diagnosis, facts: { service, realm } };
}

const REALM_REMEDY = [
  'Name the realm in krb5.conf:',
  '[libdefaults]',
  '    default_realm = EXAMPLE.COM',
];

const unknown = (detail: string, remedy: string[]) => ({
  diagnoses: broken(detail, ...remedy),
  facts: null,
});

/** The service's names in the keytab, if all of them have another realm than krb5.conf names. */
async function otherRealms(krb5: Krb5, settings: Settings, service: string): Promise<string[]> {
  const { keys } = await readKeytab(krb5, settings).catch(() => ({ keys: [] }));
  const names = new Set(keys.map(({ principal }) => principal));
  if (names.has(service)) return [];
  const withoutRealm = service.slice(0, service.lastIndexOf('@') + 1);
  return [...names].filter((name) => name.startsWith(withoutRealm));
}

function wrongRealm(
  service: string,
  realm: string,
  source: string,
  elsewhere: string[],
): LookResult<Naming> {
  const host = service.slice(service.indexOf('/') + 1, service.lastIndexOf('@'));
  const right = elsewhere[0]?.split('@').at(-1);
  return unknown(
    `wrong realm: ${source} in krb5.conf says ${realm}, but the keytab's key is for ` +
      `${elsewhere.join(', ')}`,
    [
      'Write in krb5.conf:',
      '[domain_realm]',
      `    ${host} = ${right}`,
      `or default_realm = ${right} in [libdefaults]`,
    ],
  );
}
