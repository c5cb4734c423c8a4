// The options of a Verifier and of kpass(), checked once. The defaults are filled in here.

import { checkDomains, checkUpnSuffixes } from './name-settings.js';
import type { NameSettings } from './names.js';
import {
  flag,
  type Given,
  nonEmptyText,
  optionalText,
  optionsObject,
  texts,
  wholeNumber,
  wrongType,
  wrongValue,
} from './validate.js';

/** The longest time in ms that setTimeout takes: 24.8 days. */
export const MAX_TIMEOUT = 2 ** 31 - 1;
const MAX_THREADS = 1024;
const MAX_QUEUE = 2 ** 31 - 1;

/** The service that users log in to, and how their passwords are verified. */
export interface Settings extends NameSettings {
  readonly service: string;
  /** Null: this machine's canonical name. */
  readonly host: string | null;
  /** Null: libkrb5's default keytab. */
  readonly keytab: string | null;
  /** Null: the files of KRB5_CONFIG, or the system's. */
  readonly config: readonly string[] | null;
  readonly canonicalize: boolean;
  /** ms */
  readonly timeout: number;
  readonly trace: Trace | undefined;
  readonly transport: Transport;
}

/** The carrier of the messages to the KDCs: kpass itself, or libkrb5. */
export type Transport = 'kpass' | 'libkrb5';

/** Gets libkrb5's account of a verification, line by line. */
export type Trace = (line: string) => void;

/** The sizes of a pool of threads. */
interface Sizes {
  readonly threads: number;
  readonly queue: number;
}

export const DEFAULT_SIZES: Sizes = { threads: 32, queue: 1024 };
const DEFAULT_TIMEOUT = 10_000;

/** The options of a Verifier. */
export const VERIFIER_KEYS = [
  'service',
  'host',
  'keytab',
  'realms',
  'timeout',
  'threads',
  'queue',
  'config',
  'canonicalize',
  'upnSuffixes',
  'domains',
  'transport',
  'trace',
] as const;

/** The options of kpass(). */
export const KPASS_KEYS = [
  'realms',
  'timeout',
  'config',
  'canonicalize',
  'upnSuffixes',
  'domains',
  'transport',
  'signal',
] as const;

/** The options of verify(). */
const CALL_KEYS = ['signal', 'timeout'] as const;

export function checkSettings(options: unknown): Settings {
  return settingsOf(optionsObject('options', options ?? null, VERIFIER_KEYS));
}

type SettingsKey = Exclude<(typeof VERIFIER_KEYS)[number], 'threads' | 'queue'>;

export function settingsOf(given: Given<SettingsKey>): Settings {
  const host = optionalText('host', given.host);
  if (host === '') throw wrongValue('host', 'must not be empty', host);
  const realms = given.realms === undefined ? [] : texts('realms', given.realms);
  const canonicalize = flag('canonicalize', given.canonicalize);
  return {
    service: nonEmptyText('service', given.service),
    host,
    keytab: optionalText('keytab', given.keytab) || null,
    realms,
    upnSuffixes: checkUpnSuffixes(given.upnSuffixes, canonicalize),
    domains: checkDomains(given.domains, realms),
    config: checkConfig(given.config),
    canonicalize,
    timeout: checkTimeout(given.timeout) ?? DEFAULT_TIMEOUT,
    trace: checkTrace(given.trace),
    transport: checkTransport(given.transport),
  };
}

export function checkSizes(options: unknown): Sizes {
  const { threads = DEFAULT_SIZES.threads, queue = DEFAULT_SIZES.queue } = optionsObject(
    'options',
    options,
    VERIFIER_KEYS,
  );
  return {
    threads: wholeNumber('threads', threads, 1, MAX_THREADS),
    queue: wholeNumber('queue', queue, 0, MAX_QUEUE),
  };
}

/** The options of one call. */
interface CallOptions {
  readonly signal: AbortSignal | undefined;
  /** ms. Undefined: the settings' timeout. */
  readonly timeout: number | undefined;
}

const NO_CALL_OPTIONS: CallOptions = { signal: undefined, timeout: undefined };

export function checkCallOptions(options: unknown): CallOptions {
  if (options === undefined) return NO_CALL_OPTIONS;
  const given = optionsObject('options', options, CALL_KEYS);
  return { signal: checkSignal(given.signal), timeout: checkTimeout(given.timeout) };
}

function checkConfig(value: unknown): string[] | null {
  if (value === undefined) return null;
  if (typeof value === 'string') return [nonEmptyText('config', value)];
  return texts('config', value);
}

function checkTrace(value: unknown): Trace | undefined {
  if (value !== undefined && typeof value !== 'function') {
    throw wrongType('trace', 'a function', value);
  }
  return value as Trace | undefined;
}

function checkTransport(value: unknown): Transport {
  if (value === undefined) return 'kpass';
  if (typeof value !== 'string') throw wrongType('transport', 'a string', value);
  if (value !== 'kpass' && value !== 'libkrb5') {
    throw wrongValue('transport', "must be 'kpass' or 'libkrb5'", value);
  }
  return value;
}

function checkTimeout(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw wrongType('timeout', 'a number', value);
  if (!(value > 0 && value <= MAX_TIMEOUT)) {
    throw wrongValue('timeout', `must be more than 0 and at most ${MAX_TIMEOUT} ms`, value);
  }
  return value;
}

export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (!isAbortSignal(value)) throw wrongType('signal', 'an AbortSignal', value);
  return value;
}

/** Does not use instanceof: test runners and vm contexts have an AbortSignal class of their own. */
function isAbortSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null;
  return (
    typeof signal?.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  );
}
