// Users and services: the options that describe them, and the flags of kadmin that make them.

import { propertyOf } from './property.js';

/** A date in the past, in a form that kadmin reads in every locale. */
const LONG_AGO = '1/1/2001';

/** The default lockout of a user in the state 'locked'. */
export const LOCKOUT = 3;

const ACTIVE = ['+allow_tix', '-needchange', '-expire', 'never', '-pwexpire', 'never'];

/** The flags of modprinc for each state. Later flags win over earlier ones. */
const STATES = {
  active: ACTIVE,
  'password-expired': [...ACTIVE, '-pwexpire', LONG_AGO],
  'must-change': [...ACTIVE, '+needchange'],
  expired: [...ACTIVE, '-expire', LONG_AGO],
  disabled: [...ACTIVE, '-allow_tix'],
  locked: ACTIVE,
} as const satisfies Record<string, readonly string[]>;

/**
 * The state of an account. In brackets: the reason of kpass's denial, for any password.
 *
 * - `active`: the user can log in
 * - `password-expired`: the password is too old (`expired`)
 * - `must-change`: an administrator requires a new password (`expired`)
 * - `expired`: the account is too old (`disabled`)
 * - `disabled`: an administrator has disabled the account (`disabled`)
 * - `locked`: the KDC has counted too many wrong passwords in a row (`disabled`)
 */
export type AccountState = keyof typeof STATES;

/** The options of a new service. */
export interface ServiceOptions {
  /** Encryption types of its keys, by their names in kdc.conf; default: the realm's types. */
  enctypes?: readonly string[];
  /** More flags of kadmin's addprinc, word by word, such as `['-maxlife', '1h']`; default none. */
  flags?: readonly string[];
}

/** The options of a new user. */
export interface UserOptions extends ServiceOptions {
  /** The state of the account; default 'active': the user can log in. */
  state?: AccountState;
  /** Whether the KDC requires pre-authentication, as real realms do; default true. */
  preauth?: boolean;
  /**
   * After this many wrong passwords in a row, the KDC locks the account until `unlock`. Default
   * none: the account is never locked. For a user whose `state` is 'locked' the default is 3. The
   * KDC counts wrong passwords only with `preauth`.
   */
  lockout?: number;
  /**
   * The user logs in by the value of a token: 'only' by that, or 'also' by the password. Default none.
   * The realm needs the option `tokens`.
   */
  token?: 'only' | 'also';
}

/** A user and the password. */
export interface User extends UserOptions {
  password: string;
}

/** The flags of addprinc for the options of a service, which a user has as well. */
export function serviceFlags({ enctypes, flags = [] }: ServiceOptions): string[] {
  if (enctypes === undefined) return [...flags];
  return ['-e', enctypes.map((enctype) => `${enctype}:normal`).join(','), ...flags];
}

/** The flags of addprinc for a user, except the password, the lockout and the state 'locked'. */
export function userFlags(options: UserOptions): string[] {
  const { state = 'active', preauth = true } = options;
  // A new principal is active without the flags of ACTIVE.
  const special = stateFlags(state).slice(ACTIVE.length);
  return [
    preauth ? '+requires_preauth' : '-requires_preauth',
    ...special,
    ...serviceFlags(options),
  ];
}

/** The flags of modprinc for a state. Throws a TypeError for an unknown state. */
export function stateFlags(state: AccountState): readonly string[] {
  if (Object.hasOwn(STATES, state)) return STATES[state];
  throw new TypeError(`no account is '${state}'; one is ${Object.keys(STATES).join(', ')}`);
}

/**
 * The number of wrong passwords in a row that locks a user; undefined if nothing locks the user.
 * Throws a TypeError unless it is a positive integer.
 */
export function lockoutOf({ lockout }: UserOptions): number | undefined {
  if (lockout === undefined || (Number.isInteger(lockout) && lockout > 0)) return lockout;
  throw new TypeError(
    `a lockout comes after a whole number of wrong passwords, not after ${lockout}`,
  );
}

/** The names of options, each exactly once. */
export type Names<Options> = Readonly<Record<keyof Options, true>>;

export const SERVICE_OPTIONS: Names<ServiceOptions> = { enctypes: true, flags: true };
export const USER_OPTIONS: Names<UserOptions> = {
  ...SERVICE_OPTIONS,
  state: true,
  preauth: true,
  lockout: true,
  token: true,
};

export const WHOLE_USER: Names<User> = { ...USER_OPTIONS, password: true };

/**
 * A copy of the options that the caller has given. A property of Object.prototype is none.
 *
 * Throws a TypeError unless `options` is an object of known names. JavaScript would ignore a string or
 * a misspelt name without an error. The caller's test would then run without the option, and prove
 * nothing.
 */
export function checkOptions<Options extends object>(
  options: Options,
  names: Names<Options>,
): Options {
  const all = Object.keys(names);
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options are an object of ${all.join(', ')}, not '${options}'`);
  }
  for (const name of Object.keys(options)) {
    if (all.includes(name)) continue;
    throw new TypeError(`there is no option '${name}'; there are ${all.join(', ')}`);
  }
  const given = Object.create(null);
  for (const name of all) {
    const value = propertyOf(options, name);
    if (value !== undefined) given[name] = value;
  }
  return given;
}

/** The most bytes of a password that kadmin.local reads. It would cut a longer one. */
const MAX_PASSWORD_BYTES = 1022;

/**
 * Throws a TypeError for a missing password (JavaScript would pass the word 'undefined' on), and for
 * one that kadmin.local cannot read whole: it reads a line.
 */
export function checkPassword(name: string, password: string): void {
  if (typeof password !== 'string') throw new TypeError(`the password of ${name} is no string`);
  if (/[\n\0]/.test(password)) {
    throw new TypeError(`the password of ${name} has a line feed or NUL, which kadmin cannot take`);
  }
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    throw new TypeError(`the password of ${name} is longer than ${MAX_PASSWORD_BYTES} bytes`);
  }
}
