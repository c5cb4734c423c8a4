// Loads the native addon and gives it types. No other file loads it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import addon from 'node-gyp-build';
import { isMusl } from './libc.js';
import { BUNDLED } from './outside.js';
import type { Transport } from './settings.js';

/** A pool of threads. The holder of this value owns the pool. */
export interface Pool {
  readonly pool: unique symbol;
}

/** Settings as the native side holds them; many calls share them. */
export interface NativeSettings {
  readonly settings: unique symbol;
}

/** An Acceptor's settings as the native side holds them; its accepts share them. */
export interface NativeAcceptorSettings {
  readonly acceptorSettings: unique symbol;
}

/** native/kerberos/settings.h, struct Settings, and native/base/context.h, struct Config. */
interface SettingsRecord {
  service: string;
  host: string | null;
  keytab: string | null;
  /** Empty: the service's own realm. */
  realms: readonly string[];
  upnSuffixes: readonly string[];
  /** The realms that names with a domain get. */
  domainRealms: readonly string[];
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

/** native/kerberos/outcome.h, struct Asked: empty before a KDC was asked. */
export interface NativeAsked {
  /** The service's principal, once it is known. */
  service: string;
  /** The realms whose KDCs were asked: the user's first. */
  realms: readonly string[];
  /** The KDCs that krb5.conf names for those realms. */
  kdcs: readonly string[];
  trace: NativeTrace;
  /** A message that may prove the password has left for a KDC, which may have counted it. */
  proofLeft: boolean;
}

/**
 * native/kerberos/outcome.h, struct Outcome; its parts in the order in which native/node/addon.cc
 * gives them.
 */
export class NativeOutcome implements NativeAsked {
  constructor(
    readonly verified: boolean,
    readonly step: string,
    readonly code: number,
    readonly message: string,
    readonly principal: string,
    /** Verified: the principal's realm. */
    readonly realm: string,
    readonly keytab: string,
    readonly keytabExposed: boolean,
    readonly service: string,
    /** Empty if verified, as `kdcs` is. */
    readonly realms: readonly string[],
    readonly kdcs: readonly string[],
    readonly trace: NativeTrace,
    readonly proofLeft: boolean,
  ) {}
}

/**
 * native/kerberos/acceptor.h, struct Acceptance; its parts in the order in which
 * native/node/accept_call.cc gives them.
 */
export class NativeAcceptance {
  constructor(
    readonly accepted: boolean,
    readonly step: string,
    readonly code: number,
    readonly message: string,
    readonly principal: string,
    readonly realm: string,
    readonly reply: Uint8Array | null,
    readonly bound: boolean,
    readonly service: string,
    readonly keytab: string,
    readonly keytabExposed: boolean,
    readonly trace: NativeTrace,
  ) {}
}

/** native/kerberos/outcome.h, struct Asked, of a change. */
export interface NativeChangeAsked extends NativeAsked {
  /** The password servers that were asked: 'TCP 192.0.2.1:464'. */
  passwordServers: readonly string[];
  /** A new password has left for one of them. */
  sent: boolean;
}

/**
 * native/kerberos/password_change.h, the outcome of a change; its parts in the order in which
 * native/node/change_call.cc gives them.
 */
export class NativeChange {
  readonly trace: NativeTrace;

  constructor(
    readonly verified: boolean,
    readonly step: string,
    readonly code: number,
    readonly message: string,
    readonly principal: string,
    readonly realm: string,
    readonly keytab: string,
    readonly keytabExposed: boolean,
    readonly asked: NativeChangeAsked,
  ) {
    this.trace = asked.trace;
  }
}

/** The lines of libkrb5's trace; null unless the caller asked for it. */
export type NativeTrace = string[] | null;

/** native/base/report.h, struct NativeReport: an empty step if nothing failed. */
interface NativeReport {
  step: string;
  code: number;
  message: string;
}

export interface ConfigReport extends NativeReport {
  values: string[];
}

export interface ServiceReport extends NativeReport {
  /** The principal: 'HTTP/web.example.com@EXAMPLE.COM'; without its realm if that is unknown. */
  service: string;
  realm: string;
}

export interface NamedKdc {
  /** As krb5.conf has it; 'host:port' from DNS. */
  name: string;
  host: string;
  port: number;
  /** Neither `udp` nor `tcp`: only libkrb5 can reach it. */
  udp: boolean;
  tcp: boolean;
}

export interface KdcsReport extends NativeReport {
  /** What named them. 'URI' and 'locator': only libkrb5 knows all of them. */
  source: 'krb5.conf' | 'SRV' | 'URI' | 'locator' | 'none';
  /** The list of krb5.conf: 'primary_kdc' or 'master_kdc' if the realm has no other KDCs. */
  tag: 'kdc' | 'primary_kdc' | 'master_kdc';
  kdcs: NamedKdc[];
  /** krb5.conf allows that DNS is asked. */
  dns: boolean;
  /** A value in krb5.conf that libkrb5 refuses, with all others; '' if there is none. */
  mistake: string;
  /** Only libkrb5 knows or reaches some of the realm's KDCs. */
  libkrb5Only: boolean;
}

export interface KeytabKey {
  principal: string;
  version: number;
  enctype: string;
}

export interface KeytabReport extends NativeReport {
  /** Its whole name, such as 'FILE:/etc/krb5.keytab'. */
  keytab: string;
  keys: KeytabKey[];
}

export interface LoginReport extends NativeReport {
  /** Of the key that the KDC made the ticket with; 0 if the KDC did not say. */
  version: number;
  /** The encryption type of that key. */
  enctype: string;
  trace: string[];
}

export interface TokenReport extends NativeReport {
  /** Empty after a failure. */
  token: Uint8Array;
  /** The principal that has the tickets; '' if there is none. */
  client: string;
  service: string;
  /** The credential cache: 'FILE:/tmp/krb5cc_1000'. */
  cache: string;
}

interface PoolStats {
  threads: number;
  active: number;
  stalled: number;
  queued: number;
}

/** What `submit` gives back below zero: native/node/addon.cc, enum Refusal. */
export const FULL = -1;
export const NO_THREAD = -2;
export const NO_MEMORY = -3;

/** native/node/addon.cc and diagnosis_functions.cc say what each does. */
interface Binding {
  start(onSettled: (id: number, ...outcome: unknown[]) => void): void;
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
  changePassword(
    pool: Pool,
    settings: NativeSettings,
    user: string,
    oldPassword: string | Uint8Array,
    newPassword: string | Uint8Array,
    timeout: number,
  ): number;
  acceptorSettings(
    services: readonly NativeSettings[],
    anyHost: boolean,
    bindings: 'off' | 'allow' | 'require',
    once: boolean,
  ): NativeAcceptorSettings;
  accept(
    pool: Pool,
    settings: NativeAcceptorSettings,
    token: Uint8Array,
    bindings: Uint8Array | null,
    timeout: number,
  ): number;
  /** Of a verification: {@link NativeAsked}. Of a change: {@link NativeChangeAsked}. */
  abandon(id: number): unknown;
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
  nameService(settings: NativeSettings): ServiceReport;
  locateKdcs(settings: NativeSettings, realm: string): KdcsReport;
  keytabKeys(settings: NativeSettings): KeytabReport;
  keytabLogin(settings: NativeSettings, service: string, client: string): LoginReport;
  ticketToken(settings: NativeSettings): TokenReport;
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
        `Node ${process.version}: ${reason.trim()}\n${remedy(reason, codeOf(cause))}`,
      { cause },
    );
  }
}

function codeOf(cause: unknown): unknown {
  return (cause as { code?: unknown } | null)?.code;
}

function remedy(reason: string, code: unknown): string {
  if (code === 'ERR_DLOPEN_DISABLED') {
    return (
      'Node.js was started so that it loads no addon. With --permission, start it with ' +
      '--allow-addons too. Do not start it with --no-addons.'
    );
  }
  if (code === 'ERR_ACCESS_DENIED') {
    return `Start Node.js with --allow-addons and --allow-fs-read=${PACKAGE} too.`;
  }
  if (!isInPackage()) return BUNDLED;
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

/** False in a bundle, which is in the folder of another package. */
function isInPackage(): boolean {
  try {
    return JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')).name === 'kpass';
  } catch {
    return false;
  }
}

export const binding: Binding = loadBinding();
