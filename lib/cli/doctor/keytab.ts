// The keytab: the file, who may read it, and what it holds.

import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Settings } from '../../arguments.js';
import { doctorLine, shellWord } from '../usage.js';
import { broken, type Finding, ok, type Seen, warning } from './chain.js';
import { type Naming, thisUser, userName } from './configuration.js';
import type { KeytabKey, KeytabReport, Krb5 } from './krb5.js';

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
  const found = krb5.keytabKeys(settings);
  const file = /^(?:WR)?FILE:(.*)$/.exec(found.keytab)?.[1] ?? null;
  const path = file ?? found.keytab;
  const make = makeKeytab(path, service);
  const problem =
    (file === null ? null : fileProblem(file, make)) ??
    contentProblem(found, path, service, settings, make);
  if (problem !== null) return { findings: problem, facts: null };

  const keys = found.keys.filter(({ principal }) => principal === service);
  const what = keysOf(service, keys, found.keys);
  const findings = file === null ? ok(`${path}; ${what}`) : judgeAccess(file, what);
  return { findings, facts: { path, keys } };
}

/** What keeps the service's key from being found in what libkrb5 read; null where nothing does. */
function contentProblem(
  { step, message, keys }: KeytabReport,
  path: string,
  service: string,
  settings: Settings,
  make: string[],
): Finding | null {
  if (step === 'krb5_kt_resolve') {
    return broken(`${path}: ${message}`, 'Name a file: --keytab /path');
  }
  if (step !== '') {
    const aside = `mv ${shellWord(path)} ${shellWord(`${path}.old`)}`;
    return broken(
      `${path} is no keytab: ${message}`,
      `klist -k ${shellWord(path)}`,
      aside,
      ...make,
    );
  }
  if (keys.length === 0) return broken(`${path} is a keytab without a key`, ...make);
  if (keys.some(({ principal }) => principal === service)) return null;
  return withoutService(path, service, settings, keys, make);
}

function judgeAccess(file: string, what: string): Finding {
  const stats = statSync(file);
  const detail = `${file}, ${accessOf(stats)}; ${what}`;
  if ((stats.mode & OTHERS) === 0) return ok(`${detail}${whoReads()}`);
  return warning(
    `${detail}; others than its owner may read or change it: who reads it can pass for the KDC`,
    `chmod 400 ${shellWord(file)}`,
  );
}

/** Reading and writing, for the group and for everybody. */
const OTHERS = 0o066;

function makeKeytab(path: string, service: string): string[] {
  return [
    'Make one, as an administrator of the realm:',
    `kadmin -q ${shellWord(`addprinc -randkey ${service}`)}    # unless it exists`,
    `kadmin -q ${shellWord(`ktadd -k ${path} ${service}`)}`,
    '(With FreeIPA, Active Directory, Samba: README, "A key for your service")',
  ];
}

/** What keeps this user from reading the file; null where nothing does. */
function fileProblem(path: string, make: string[]): Finding | null {
  const closed = closedFolder(resolve(path));
  if (closed !== null) {
    return broken(
      `${path} cannot be reached by ${thisUser()}: may not enter ${closed}`,
      `ls -ld ${shellWord(closed)}`,
      'Run this as the user that the service runs as; if it is that user, then as root:',
      `setfacl -m u:${userName(process.geteuid?.() ?? 0)}:x ${shellWord(closed)}`,
    );
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return broken(`${path} does not exist`, ...make);
  if (!stats.isFile()) return broken(`${path} is no file`, 'Name a file: --keytab /path');
  if (allows(path, constants.R_OK)) return null;
  return broken(
    `${path} cannot be read by ${thisUser()}: ${accessOf(stats)}`,
    'Run this as the user that the service runs as; if it is that user, then as root:',
    `chown ${userName(process.geteuid?.() ?? 0)} ${shellWord(path)}`,
    `chmod 400 ${shellWord(path)}`,
  );
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
  wanted: string,
  settings: Settings,
  keys: KeytabKey[],
  make: string[],
): Finding {
  const names = [...new Set(keys.map(({ principal }) => principal))];
  const [, service, host] = /^([^/@]+)\/([^/@]+)@/.exec(names[0] ?? '') ?? [];
  const guess =
    service === undefined || host === undefined
      ? []
      : ['Is the service another one?', doctorLine({ ...settings, service, host })];
  return broken(
    `${path} has no key of ${wanted}; it has those of ${names.join(', ')}`,
    ...guess,
    ...make,
  );
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
