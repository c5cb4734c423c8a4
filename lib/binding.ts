// The native addon, with types. No other file loads it.

import { join } from 'node:path';
import { loadAddon } from './addon.js';
import type { FastRule, OtpRule, Transport } from './settings.js';

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
  fast: FastRule;
  /** Null: the service logs in for the armor. */
  fastPrincipal: string | null;
  otp: OtpRule;
  /** ms for a login for the armor. */
  timeout: number;
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
    readonly armored: boolean,
    /** The KDC got the value of a token. */
    readonly byToken: boolean,
    /** Why the login was not armored, if that is to be told. */
    readonly armorMissing: string,
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
    readonly armored: boolean,
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

export interface ArmorReport extends NativeReport {
  /** The principal that logged in, or tried to last. */
  principal: string;
  /** A KDC has answered under the armor. */
  fast: boolean;
  /** The end of the armor's ticket, in s since 1970. */
  end: number;
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
    token: string | null,
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
  armorLogin(settings: NativeSettings): ArmorReport;
}

/** The parts of krb5.conf that kpass depends on. Tracers find their paths only as they are written here. */
export const FIRST_CONFIG = join(__dirname, '..', 'native', 'conf', 'first.conf');
export const LAST_CONFIG = join(__dirname, '..', 'native', 'conf', 'last.conf');

export const binding = loadAddon() as Binding;
