// The keytab: the file, who may read it, and what it holds.

import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Settings } from '../../arguments.js';
import { shellWord } from '../usage.js';
import { broken, type Finding, ok, type Seen, warning } from './chain.js';
import { type Naming, thisUser, userName } from './configuration.js';
import type { KeytabKey, Krb5 } from './krb5.js';

/** The keytab, and the keys of the service that it holds: at least one. */
export interface ServiceKeys {
  /** As the commands take it. */
  path: string;
  keys: KeytabKey[];
}

export function lookAtKeytab(
  krb5: Krb5,
  settings: Settings,
  { service }: Naming,
): Seen<ServiceKeys> {
  const { step, message, keytab, keys } = krb5.keytabKeys(settings);
  const path = keytab.replace(/^(WR)?FILE:/, '');
  const make = makeKeytab(path, service);
  const no = (detail: string, ...remedy: string[]): Seen<ServiceKeys> => ({
    findings: broken(detail, ...remedy),
    facts: null,
  });

  if (step === 'krb5_kt_resolve') return no(`${keytab}: ${message}`, 'Name a file: --keytab /path');
  const isFile = path.startsWith('/') || keytab !== path;
  const problem = isFile ? fileProblem(path, make) : null;
  if (problem !== null) return { findings: problem, facts: null };
  if (step !== '') {
    const aside = `mv ${word(path)} ${word(`${path}.old`)}`;
    return no(`${path} is no keytab: ${message}`, `klist -k ${word(path)}`, aside, ...make);
  }
  if (keys.length === 0) return no(`${path} is a keytab without a key`, ...make);

  const own = keys.filter(({ principal }) => principal === service);
  if (own.length === 0) return no(...withoutService(path, service, keys, make));
  const access = isFile ? `, ${accessOf(statSync(path))}` : '';
  const detail = `${path}${access}; ${keysOf(service, own, keys)}${isFile ? whoReads() : ''}`;
  return { findings: exposed(path, isFile) ?? ok(detail), facts: { path, keys: own } };

  function exposed(file: string, exists: boolean): Finding | null {
    if (!exists || (statSync(file).mode & OTHERS) === 0) return null;
    return warning(
      `${detail}; others than its owner may read or change it: who reads it can pass for the KDC`,
      `chmod 400 ${word(file)}`,
    );
  }
}

/** Reading and writing, for the group and for everybody. */
const OTHERS = 0o066;
const word = shellWord;

function makeKeytab(path: string, service: string): string[] {
  return [
    'Make one, as an administrator of the realm:',
    `kadmin -q ${word(`addprinc -randkey ${service}`)}    # unless it exists`,
    `kadmin -q ${word(`ktadd -k ${path} ${service}`)}`,
    '(With FreeIPA, Active Directory, Samba: README, "A key for your service")',
  ];
}

/** What keeps this user from reading the file; null where nothing does. */
function fileProblem(path: string, make: string[]): Finding | null {
  const closed = closedFolder(path);
  if (closed !== null) {
    return broken(
      `${path} cannot be reached by ${thisUser()}: may not enter ${closed}`,
      `ls -ld ${word(closed)}`,
      `Run this as the user that the service runs as, or let that user in: setfacl -m u:USER:x ${word(closed)}`,
    );
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return broken(`${path} does not exist`, ...make);
  if (!stats.isFile()) return broken(`${path} is no file`, ...make);
  if (readable(path)) return null;
  return broken(
    `${path} cannot be read by ${thisUser()}: ${accessOf(stats)}`,
    'Run this as the user that the service runs as; if it is that user, then as root:',
    `chown ${userName(process.geteuid?.() ?? 0)} ${word(path)}`,
    `chmod 400 ${word(path)}`,
  );
}

function readable(path: string): boolean {
  return allows(path, constants.R_OK);
}

function allows(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** The outermost folder above the file that this user may not enter. */
function closedFolder(path: string): string | null {
  const folder = dirname(path);
  const above = folder === path ? null : closedFolder(folder);
  if (above !== null) return above;
  const exists = statSync(folder, { throwIfNoEntry: false }) !== undefined;
  return exists && !allows(folder, constants.X_OK) ? folder : null;
}

function accessOf({ uid, mode }: Stats): string {
  return `owner ${userName(uid)}, mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`;
}

/** Root may read every file: what this user sees is then not what the service sees. */
function whoReads(): string {
  if (process.geteuid?.() !== 0) return '';
  return "; you are root, who may read it anyhow: run this as the service's user as well";
}

function withoutService(
  path: string,
  service: string,
  keys: KeytabKey[],
  make: string[],
): [string, ...string[]] {
  const names = [...new Set(keys.map(({ principal }) => principal))];
  const detail = `${path} has no key of ${service}; it has those of ${names.join(', ')}`;
  const [name, host] = names[0]?.split(/[/@]/) ?? [];
  const guess =
    names[0]?.includes('/') === true
      ? [`Is the service another one? kpass doctor -s ${name} -H ${host} -k ${word(path)}`]
      : [];
  return [detail, ...guess, ...make];
}

/** '…: version 2 (aes256-…, aes128-…)', and how much else there is. */
function keysOf(service: string, own: KeytabKey[], all: KeytabKey[]): string {
  const versions = [...new Set(own.map(({ version }) => version))].sort((a, b) => b - a);
  const texts = versions.map((version) => {
    const enctypes = own.filter((key) => key.version === version).map(({ enctype }) => enctype);
    return `version ${version} (${enctypes.join(', ')})`;
  });
  const others = new Set(all.map(({ principal }) => principal)).size - 1;
  const more = others === 0 ? '' : `, and keys of ${others} other${others > 1 ? 's' : ''}`;
  return `${service}: ${texts.join(', ')}${more}`;
}
