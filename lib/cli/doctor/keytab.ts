// The keytab: its file, the permissions of the file, and its keys.

import { constants, type Stats, statSync } from 'node:fs';
import type { Settings } from '../../settings.js';
import { doctorLine, shellWord } from '../usage.js';
import { BrokenLink, broken, type Diagnosis, type LookResult, ok, warning } from './chain.js';
import type { KdcKind } from './kdc-kind.js';
import { damageOf, isKnown } from './keytab-damage.js';
import { ifLate, type KeytabKey, type KeytabReport, type Krb5 } from './krb5.js';
import { startAgain, wasPrivate } from './private-realm.js';
import { makeKeytab } from './remedies.js';
import {
  allows,
  blocking,
  closedFolder,
  enter,
  type Naming,
  thisUser,
  userName,
} from './surroundings.js';

/** The keytab, and its keys of the service: at least one. */
export interface ServiceKeys {
  /** In the form that kadmin and klist take. */
  path: string;
  keys: KeytabKey[];
  /** The other principals in it. */
  others: string[];
}

/** Reads the keytab. Rejects with the diagnosis if that cannot end. */
export function readKeytab(krb5: Krb5, settings: Settings): Promise<KeytabReport> {
  const name = settings.keytab ?? process.env.KRB5_KTNAME;
  const path = name?.replace(/^(WR)?FILE:/, '') ?? "libkrb5's default keytab";
  const kind = blocking(path);
  if (kind !== null) {
    return Promise.reject(
      new BrokenLink(broken(`${path} is ${kind}`, 'Name a file: --keytab /path')),
    );
  }
  const show = name === undefined ? [] : [`ls -lL ${shellWord(path)}`];
  const hangs = broken(
    `${path} could not be read in ${settings.timeout} ms: it is a pipe, or its disk is silent`,
    ...show,
    'Name another file: --keytab /path',
  );
  return krb5.ask('keytabKeys').catch(ifLate(hangs));
}

export async function lookAtKeytab(
  krb5: Krb5,
  settings: Settings,
  { service }: Naming,
  kind: KdcKind | null,
): Promise<LookResult<ServiceKeys>> {
  const found = await readKeytab(krb5, settings);
  const file = /^(?:WR)?FILE:(.*)$/.exec(found.keytab)?.[1] ?? null;
  const path = file ?? found.keytab;
  const make = makeKeytab(kind, service, path);
  const problem =
    (file === null ? null : fileProblem(file, make)) ??
    contentProblem(found, path, service, settings, make);
  if (problem !== null) return { diagnoses: problem, facts: null };

  const keys = found.keys.filter(({ principal }) => principal === service);
  const what = keysOf(service, keys, found.keys);
  const diagnoses = file === null ? ok(`${path}; ${what}`) : judgeAccess(file, what);
  const others = principalsIn(found.keys).filter((name) => name !== service);
  return { diagnoses, facts: { path, keys, others } };
}

/** The reason why the keytab's content has no key of the service; null if it has one. */
function contentProblem(
  { step, message, keys }: KeytabReport,
  path: string,
  service: string,
  settings: Settings,
  make: string[],
): Diagnosis | null {
  if (step === 'krb5_kt_resolve') {
    return broken(`${path}: ${message}`, 'Name a file: --keytab /path');
  }
  const aside = `mv ${shellWord(path)} ${shellWord(`${path}.old`)}`;
  const damage = damageOf(path);
  const own = keys.filter(({ principal }) => principal === service);
  const whole = damage?.partial === true && own.some(({ enctype }) => isKnown(enctype));
  if (damage !== null && !whole) {
    const repair = damage.repair ?? [`klist -k ${shellWord(path)}`, aside, ...make];
    return broken(`${path} is ${damage.what}${step === '' ? '' : `: ${message}`}`, ...repair);
  }
  if (step !== '') {
    return broken(
      `${path} is not a keytab: ${message}`,
      `klist -k ${shellWord(path)}`,
      aside,
      ...make,
    );
  }
  if (keys.length === 0) return broken(`${path} is a keytab without a key`, ...make);
  if (own.length > 0) return null;
  return withoutService(path, service, settings, keys, make);
}

function judgeAccess(file: string, what: string): Diagnosis {
  const stats = statSync(file);
  const detail = `${file}, ${accessOf(stats)}; ${what}`;
  if ((stats.mode & OTHERS) === 0) return ok(`${detail}${rootCaveat()}`);
  return warning(
    `${detail}; users other than its owner can read or change it: anyone with the key can pose as the KDC`,
    `chmod 400 ${shellWord(file)}`,
  );
}

/** Reading and writing, by the group and by everyone. */
const OTHERS = 0o066;

const principalsIn = (keys: KeytabKey[]) => [...new Set(keys.map(({ principal }) => principal))];

/** The reason why this user cannot read the file; null if the user can. */
function fileProblem(path: string, make: string[]): Diagnosis | null {
  const closed = closedFolder(path);
  if (closed !== null) {
    return broken(
      `${path} cannot be reached by ${thisUser()}: no permission to enter ${closed}`,
      ...enter(closed),
    );
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    return broken(`${path} does not exist`, ...(wasPrivate(path) ? startAgain() : make));
  }
  if (!stats.isFile()) return broken(`${path} is not a file`, 'Name a file: --keytab /path');
  if (allows(path, constants.R_OK)) return null;
  return broken(
    `${path} cannot be read by ${thisUser()}: ${accessOf(stats)}`,
    'Run doctor as the user that runs the service. If you did, run as root:',
    `chown ${userName(process.geteuid?.() ?? 0)} ${shellWord(path)}`,
    `chmod 400 ${shellWord(path)}`,
  );
}

function accessOf({ uid, mode }: Stats): string {
  return `owner ${userName(uid)}, mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`;
}

/** Root can read every file, so a run as root does not show what the service can read. */
function rootCaveat(): string {
  if (process.geteuid?.() !== 0) return '';
  return '; you are root, who can read every file: run doctor as the user of the service too';
}

function withoutService(
  path: string,
  wanted: string,
  settings: Settings,
  keys: KeytabKey[],
  make: string[],
): Diagnosis {
  const names = principalsIn(keys);
  const capitals = names.find((name) => name.toLowerCase() === wanted.toLowerCase());
  if (capitals !== undefined) {
    return broken(
      `${path} has a key of ${capitals}, but kpass asks for ${wanted}: hosts are in small letters, and ` +
        'so must the key be',
      ...make,
    );
  }
  const [, service, host] = /^([^/@]+)\/([^/@]+)@/.exec(names[0] ?? '') ?? [];
  const guess =
    service === undefined || host === undefined
      ? []
      : ['Do you mean the service of that key?', doctorLine({ ...settings, service, host })];
  return broken(
    `${path} has no key of ${wanted}; it has keys of ${names.join(', ')}`,
    ...guess,
    ...make,
  );
}

/** '…: version 2 (aes256-…, aes128-…)', and the number of other principals. */
function keysOf(service: string, own: KeytabKey[], all: KeytabKey[]): string {
  const versions = [...new Set(own.map(({ version }) => version))].sort((a, b) => b - a);
  const texts = versions.map((version) => {
    const enctypes = own.filter((key) => key.version === version).map(({ enctype }) => enctype);
    return `version ${version} (${enctypes.join(', ')})`;
  });
  const others = new Set(all.map(({ principal }) => principal)).size - 1;
  const more =
    others === 0 ? '' : `, and keys of ${others} other principal${others > 1 ? 's' : ''}`;
  return `${service}: ${texts.join(', ')}${more}`;
}
