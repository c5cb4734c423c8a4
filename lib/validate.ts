// Checks of single values that callers pass. A value that is a mistake of the program throws a
// TypeError with one of Node's own codes.

import { inspect } from 'node:util';

class ArgumentError extends TypeError {
  readonly code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE';

  constructor(code: ArgumentError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
Object.defineProperty(ArgumentError.prototype, 'name', { value: 'TypeError', configurable: true });

/** Never shows the value itself: it may be a password in the wrong place. */
export function wrongType(name: string, expected: string, value: unknown): ArgumentError {
  const received = value === null ? 'null' : `type ${typeof value}`;
  return new ArgumentError(
    'ERR_INVALID_ARG_TYPE',
    `${name} must be ${expected}. Received ${received}`,
  );
}

/** Shows the value: not for users and passwords. */
export function wrongValue(name: string, reason: string, value: unknown): ArgumentError {
  return new ArgumentError(
    'ERR_INVALID_ARG_VALUE',
    `${name} ${reason}. Received ${inspect(value, { breakLength: Infinity })}`,
  );
}

/** A text that C can hold and UTF-8 can encode. */
function text(name: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  if (value.includes('\0')) throw wrongValue(name, 'must not contain NUL', value);
  if (!value.isWellFormed()) throw wrongValue(name, 'must not contain lone surrogates', value);
  return value;
}

export function nonEmptyText(name: string, value: unknown): string {
  const checked = text(name, value);
  if (checked === '') throw wrongValue(name, 'must not be empty', value);
  return checked;
}

export function optionalText(name: string, value: unknown): string | null {
  return value === undefined || value === null ? null : text(name, value);
}

/** One text or more, none of them empty. */
export function texts(name: string, value: unknown): string[] {
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

/** Default: false. */
export function flag(name: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw wrongType(name, 'a boolean', value);
  return value;
}

/** Each of these options has a property of its own: undefined if it was not given. */
export type Given<Name extends string> = Record<Name, unknown>;

/**
 * The options that the caller has given, by the names in `known`. Throws for a name that is not in the
 * list: it would otherwise be ignored, and a misspelt `throttle` would throttle nothing.
 *
 * A property of Object.prototype is not an option: other code, or a request's body, may have put it
 * there. Options may come from a class of the caller's, with getters.
 */
export function optionsObject<Name extends string>(
  name: string,
  value: unknown,
  known: readonly Name[],
): Given<Name> {
  const options: unknown = value === undefined ? NO_OPTIONS : value;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw wrongType(name, 'an object', value);
  }
  for (const key of Object.keys(options)) {
    if ((known as readonly string[]).includes(key)) continue;
    const message = `${name}: there is no option ${inspect(key)}; there are ${known.join(', ')}`;
    throw new ArgumentError('ERR_INVALID_ARG_VALUE', message);
  }
  // Not an object without a prototype: V8 makes those slow, and kpass() makes one at each call.
  const given = {} as Given<Name>;
  for (const key of known) define(given, key, propertyOf(options, key));
  return given;
}

/** An assignment would fail where Object.prototype has the key, read-only. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  if (!(key in object)) object[key] = value;
  else {
    const descriptor = { value, configurable: true, enumerable: true, writable: true };
    Object.defineProperty(object, key, descriptor);
  }
}

const NO_OPTIONS = {};

/** The value of a property. Undefined if the object has it from Object.prototype, of any realm. */
export function propertyOf(object: object, key: string): unknown {
  if (Object.hasOwn(object, key)) return (object as Record<string, unknown>)[key];
  if (!(key in object)) return undefined;
  let holder: object | null = Object.getPrototypeOf(object);
  while (holder !== null && !Object.hasOwn(holder, key)) holder = Object.getPrototypeOf(holder);
  const isPolluted = holder !== null && isObjectPrototype(holder);
  return isPolluted ? undefined : (object as Record<string, unknown>)[key];
}

/** Test runners and vm contexts have an Object.prototype of their own. */
function isObjectPrototype(object: object): boolean {
  return Object.getPrototypeOf(object) === null && Object.hasOwn(object, 'hasOwnProperty');
}
