// Loads the native addon and gives it types. No other file loads it.

import { join } from 'node:path';
import addon from 'node-gyp-build';
import { isMusl } from './libc.js';
import type { Transport } from './settings.js';

/** A pool of threads. The holder of this value owns the pool. */
export interface Pool {
  readonly pool: unique symbol;
}

/** Settings as the native side holds them; many calls share them. */
export interface NativeSettings {
  readonly settings: unique symbol;
}

/** The fields of struct Settings (native/kerberos/settings.h) and of its krb5.conf files. */
interface SettingsRecord {
  service: string;
  host: string | null;
  keytab: string | null;
  /** Empty: the service's own realm. */
  realms: readonly string[];
  canonicalize: boolean;
  trace: boolean;
  transport: Transport;
  /** kpass's own part of krb5.conf. Its values outrank those of `config`. */
  firstConfig: string;
  config: readonly string[];
  /** kpass's own part too. It applies where `config` says nothing. */
  lastConfig: string;
  /** True: every file of `config` must be readable. False: one of them is enough. */
  configNamed: boolean;
}

/**
 * struct Outcome (native/kerberos/outcome.h). native/node/addon.cc passes its parts in the order of
 * this constructor.
 */
export class NativeOutcome {
  constructor(
    readonly verified: boolean,
    readonly step: string,
    readonly code: number,
    readonly message: string,
    readonly principal: string,
    readonly realm: string,
    readonly service: string,
    readonly keytab: string,
    readonly kdcs: string,
    readonly keytabExposed: boolean,
    readonly trace: NativeTrace,
  ) {}
}

/** libkrb5's account of a call, line by line. Null: the settings ask for no trace. */
export type NativeTrace = string[] | null;

/**
 * struct Asked (native/kerberos/outcome.h): the realm and the KDCs from which an abandoned call waited
 * for an answer. Empty texts: it had asked nobody yet.
 */
export interface NativeAsked {
  service: string;
  realm: string;
  kdcs: string;
  trace: NativeTrace;
}

/** native/kerberos/diagnosis.h: an answer to `kpass doctor`. An empty step: nothing failed. */
interface NativeReport {
  step: string;
  code: number;
  message: string;
}

export interface ConfigReport extends NativeReport {
  /** Separated by ', '. */
  values: string;
}

export interface KeytabKey {
  principal: string;
  version: number;
  enctype: string;
}

export interface KeytabReport extends NativeReport {
  /** The keytab's whole name, such as 'FILE:/etc/krb5.keytab'. */
  keytab: string;
  keys: KeytabKey[];
}

export interface LoginReport extends NativeReport {
  /** The version of the key that encrypts the ticket. 0: the KDC did not say. */
  version: number;
  /** The encryption type of that key. */
  enctype: string;
  trace: string[];
}

interface PoolStats {
  threads: number;
  active: number;
  stalled: number;
  queued: number;
}

/** The negative results of `submit`: enum Refusal in native/node/addon.cc. */
export const FULL = -1;
export const NO_THREAD = -2;
export const NO_MEMORY = -3;

/** native/node/addon.cc describes each function. */
interface Binding {
  start(
    onSettled: (id: number, ...outcome: ConstructorParameters<typeof NativeOutcome>) => void,
  ): void;
  createPool(threads: number, queue: number): Pool;
  sharedPool(threads: number, queue: number): Pool;
  settings(record: SettingsRecord): NativeSettings;
  submit(
    pool: Pool,
    settings: NativeSettings,
    user: string,
    password: string | Uint8Array,
    timeout: number,
  ): number;
  abandon(id: number): NativeAsked;
  closePool(pool: Pool): void;
  poolStats(pool: Pool): PoolStats;
  defaultConfig(): string;
  libraryFile(): string;
  configValues(
    settings: NativeSettings,
    section: string,
    name: string,
    tag: string | null,
  ): ConfigReport;
  keytabKeys(settings: NativeSettings): KeytabReport;
  keytabLogin(settings: NativeSettings, service: string): LoginReport;
}

/** The package's folder. This file is in its dist/. */
const PACKAGE = join(__dirname, '..');

/** The parts of krb5.conf that kpass depends on. */
export const FIRST_CONFIG = join(PACKAGE, 'native', 'conf', 'first.conf');
export const LAST_CONFIG = join(PACKAGE, 'native', 'conf', 'last.conf');

function loadBinding(): Binding {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new Error(`kpass runs on Linux and macOS only; this is ${process.platform}`);
  }
  try {
    const path = addon.path(PACKAGE);
    // node-gyp-build recognizes musl only by Alpine's release file. Other systems have musl too.
    if (path.endsWith('.glibc.node') && isMusl()) throw new Error(`${path} is for glibc, not musl`);
    return require(path) as Binding;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `kpass cannot load its native addon on ${process.platform} ${process.arch}, ` +
        `Node ${process.version}: ${reason.trim()}\n${remedy(reason)}`,
      { cause },
    );
  }
}

function remedy(reason: string): string {
  if (/libkrb5|libk5crypto|libcom_err/.test(reason)) {
    return (
      'MIT Kerberos is not installed here. Install libkrb5-3 (Debian, Ubuntu), ' +
      'krb5-libs (Fedora, RHEL, Alpine) or krb5 (Arch, openSUSE, Homebrew).'
    );
  }
  return (
    'kpass has no binary for some systems. There, its installation builds one. The build needs a ' +
    'C++ compiler, make, Python, pkg-config and the headers of MIT Kerberos: libkrb5-dev (Debian, ' +
    'Ubuntu), krb5-devel (Fedora, RHEL), krb5-dev (Alpine), krb5 (Homebrew). ' +
    'Install them, then run: npm rebuild kpass'
  );
}

export const binding: Binding = loadBinding();
