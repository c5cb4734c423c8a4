// The native addon, with types. No other file loads it.

import { join } from 'node:path';
import { loadAddon } from './addon.js';
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
    readonly realms: readonly string[],
    readonly kdcs: readonly string[],
    readonly trace: NativeTrace,
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
  /** Empty: only libkrb5 can reach it. */
  host: string;
  port: number;
  udp: boolean;
  tcp: boolean;
}

export interface KdcsReport extends NativeReport {
  /** What named them. 'URI' and 'locator': only libkrb5 knows all of them. */
  source: 'krb5.conf' | 'SRV' | 'URI' | 'locator' | 'none';
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
  /** Of a verification: {@link NativeAsked}. */
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
}

/** The parts of krb5.conf that kpass depends on. Tracers find their paths only as they are written here. */
export const FIRST_CONFIG = join(__dirname, '..', 'native', 'conf', 'first.conf');
export const LAST_CONFIG = join(__dirname, '..', 'native', 'conf', 'last.conf');

export const binding = loadAddon() as Binding;
