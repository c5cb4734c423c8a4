// What callers pass, checked once, here.
//
// Two rules. A mistake of the program throws a TypeError with Node's own codes.
// A name or password that can never be right is a denial, and no packet leaves.

import { isUtf8 } from 'node:buffer';
import { inspect } from 'node:util';
import { isUint8Array } from 'node:util/types';

/** Longest names and passwords that are sent, in bytes of UTF-8. */
const MAX_USER_BYTES = 256;
export const MAX_PASSWORD_BYTES = 1024;

/** setTimeout's longest, in ms: 24.8 days. */
export const MAX_TIMEOUT = 2 ** 31 - 1;
const MAX_THREADS = 1024;
const MAX_QUEUE = 2 ** 31 - 1;

class ArgumentError extends TypeError {
  readonly code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE';

  constructor(code: ArgumentError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
Object.defineProperty(ArgumentError.prototype, 'name', { value: 'TypeError', configurable: true });

/** Says what was passed, but never its value: it may be a password in the wrong place. */
export function wrongType(name: string, expected: string, value: unknown): ArgumentError {
  const received = value === null ? 'null' : `type ${typeof value}`;
  return new ArgumentError(
    'ERR_INVALID_ARG_TYPE',
    `${name} must be ${expected}. Received ${received}`,
  );
}

export function wrongValue(name: string, reason: string, value: unknown): ArgumentError {
  return new ArgumentError(
    'ERR_INVALID_ARG_VALUE',
    `${name} ${reason}. Received ${inspect(value, { breakLength: Infinity })}`,
  );
}

/** An operator's value: text that C can hold. */
function operatorText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  if (value.includes('\0')) throw wrongValue(name, 'must not contain NUL', value);
  if (!value.isWellFormed()) throw wrongValue(name, 'must not contain lone surrogates', value);
  return value;
}

export function nonEmptyText(name: string, value: unknown): string {
  const text = operatorText(name, value);
  if (text === '') throw wrongValue(name, 'must not be empty', value);
  return text;
}

function optionalText(name: string, value: unknown): string | null {
  return value === undefined || value === null ? null : operatorText(name, value);
}

function texts(name: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw wrongType(name, 'an array of strings', value);
  const copy = Array.from(value, (item, i) => nonEmptyText(`${name}[${i}]`, item));
  if (copy.length === 0) throw wrongValue(name, 'must not be empty', value);
  return copy;
}

export function wholeNumber(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw wrongValue(name, `must be a whole number from ${least} to ${most}`, value);
  }
  return value;
}

export function optionsObject(name: string, value: unknown): Record<string, unknown> {
  // Without a prototype: nothing put on everybody's is an option of ours.
  if (value === undefined) return Object.create(null);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType(name, 'an object', value);
  }
  return value as Record<string, unknown>;
}

/** What says for which service, and how, users are verified; defaults filled in. */
export interface Settings {
  readonly service: string;
  readonly host: string | null;
  readonly keytab: string | null;
  /** Empty: the service's own realm. */
  readonly realms: readonly string[];
  /** Null: KRB5_CONFIG's, or the system's. */
  readonly config: readonly string[] | null;
  readonly canonicalize: boolean;
  /** ms */
  readonly timeout: number;
  readonly trace: Trace | undefined;
  readonly transport: Transport;
}

/** Who carries the messages to the KDCs. */
export type Transport = 'kpass' | 'libkrb5';

/** Gets what libkrb5 says it does, line by line. */
export type Trace = (line: string) => void;

export interface Sizes {
  readonly threads: number;
  readonly queue: number;
}

export const DEFAULT_SIZES: Sizes = { threads: 32, queue: 1024 };
const DEFAULT_TIMEOUT = 10_000;

export function checkSettings(options: unknown): Settings {
  const given = optionsObject('options', options ?? null);
  const host = optionalText('host', given.host);
  if (host === '') throw wrongValue('host', 'must not be empty', host);
  return {
    service: nonEmptyText('service', given.service),
    host,
    keytab: optionalText('keytab', given.keytab) || null,
    realms: given.realms === undefined ? [] : texts('realms', given.realms),
    config: checkConfig(given.config),
    canonicalize: checkFlag('canonicalize', given.canonicalize),
    timeout: checkTimeout(given.timeout) ?? DEFAULT_TIMEOUT,
    trace: checkTrace(given.trace),
    transport: checkTransport(given.transport),
  };
}

export function checkSizes(options: unknown): Sizes {
  const { threads = DEFAULT_SIZES.threads, queue = DEFAULT_SIZES.queue } = optionsObject(
    'options',
    options,
  );
  return {
    threads: wholeNumber('threads', threads, 1, MAX_THREADS),
    queue: wholeNumber('queue', queue, 0, MAX_QUEUE),
  };
}

function checkConfig(value: unknown): string[] | null {
  if (value === undefined) return null;
  if (typeof value === 'string') return [nonEmptyText('config', value)];
  return texts('config', value);
}

function checkFlag(name: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw wrongType(name, 'a boolean', value);
  return value;
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

function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (!isAbortSignal(value)) throw wrongType('signal', 'an AbortSignal', value);
  return value;
}

/** Not instanceof: test runners and vm contexts have an AbortSignal of their own. */
function isAbortSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null;
  return (
    typeof signal?.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  );
}

/** One verification's own options. */
export interface CallOptions {
  readonly signal: AbortSignal | undefined;
  /** ms; undefined: the settings' */
  readonly timeout: number | undefined;
}

export function checkCallOptions(options: unknown): CallOptions {
  const given = optionsObject('options', options);
  return { signal: checkSignal(given.signal), timeout: checkTimeout(given.timeout) };
}

/** Throws for wrong types. Whether they can be right is `refused`'s question. */
export function checkCredentials(user: unknown, password: unknown): void {
  if (typeof user !== 'string') throw wrongType('user', 'a string', user);
  if (typeof password !== 'string' && !isUint8Array(password)) {
    throw wrongType('password', 'a string or a Uint8Array', password);
  }
}

/** True for a name or a password that no KDC can have, or that libkrb5 would read otherwise. */
export function refused(user: string, password: string | Uint8Array): boolean {
  return !userCanBeRight(user) || !passwordCanBeRight(password);
}

function userCanBeRight(user: string): boolean {
  return (
    user !== '' &&
    user.isWellFormed() &&
    // UTF-8 is never shorter than UTF-16: nothing long is measured.
    user.length <= MAX_USER_BYTES &&
    Buffer.byteLength(user) <= MAX_USER_BYTES &&
    // Controls, and the backslash: krb5_parse_name reads an escape in '\0' or '\@'.
    !/[\p{Cc}\\]/u.test(user) &&
    // One realm at most; and before it, a name.
    /^[^@]+(@[^@]+)?$/.test(user) &&
    // RFC 8062: anyone is WELLKNOWN/ANONYMOUS.
    !/^WELLKNOWN\//i.test(user)
  );
}

function passwordCanBeRight(password: string | Uint8Array): boolean {
  if (password.length === 0 || password.length > MAX_PASSWORD_BYTES) return false;
  if (typeof password === 'string') {
    return (
      !password.includes('\0') &&
      password.isWellFormed() &&
      Buffer.byteLength(password) <= MAX_PASSWORD_BYTES
    );
  }
  return !password.includes(0) && isUtf8(password);
}
