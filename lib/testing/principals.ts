/** Users and services as a realm's caller describes them, and what that is in the words of kadmin. */

/** A moment that has passed, in a form that kadmin reads in every locale. */
const LONG_AGO = '1/1/2001';

/** The lockout of a user who is to be locked, where the caller names none. */
export const LOCKOUT = 3;

const ACTIVE = ['+allow_tix', '-needchange', '-expire', 'never', '-pwexpire', 'never'];

/** What modprinc is told. Later flags win over earlier ones. */
const STATES = {
  active: ACTIVE,
  'password-expired': [...ACTIVE, '-pwexpire', LONG_AGO],
  'must-change': [...ACTIVE, '+needchange'],
  expired: [...ACTIVE, '-expire', LONG_AGO],
  disabled: [...ACTIVE, '-allow_tix'],
  locked: ACTIVE,
} as const satisfies Record<string, readonly string[]>;

/**
 * What a KDC may hold against an account, and what kpass says of it, whatever the password:
 *
 * - `active`: nothing
 * - `password-expired`: the password's time has passed (`expired`)
 * - `must-change`: an administrator wants another password first (`expired`)
 * - `expired`: the account's time has passed (`disabled`)
 * - `disabled`: an administrator has shut the account (`disabled`)
 * - `locked`: too many wrong passwords in a row (`disabled`)
 */
export type AccountState = keyof typeof STATES;

/** How a service's principal is made. */
export interface ServiceOptions {
  /** Encryption types of its keys, as kdc.conf names them; default those of the realm. */
  enctypes?: readonly string[];
  /** More options of kadmin's addprinc, word by word, such as `['-maxlife', '1h']`; default none. */
  flags?: readonly string[];
}

/** How a user's principal is made. */
export interface UserOptions extends ServiceOptions {
  /** What the KDC holds against the account; default 'active', which is nothing. */
  state?: AccountState;
  /** Whether the KDC demands pre-authentication, as real realms do; default true. */
  preauth?: boolean;
  /**
   * Wrong passwords in a row after which the KDC locks the account, until `unlock`. Default none: it
   * is never locked; 3 for a user whose `state` is 'locked'. It counts with `preauth` only.
   */
  lockout?: number;
}

/** A user and the password. */
export interface User extends UserOptions {
  password: string;
}

/** The flags of addprinc for a service, or for what a user has in common with one. */
export function serviceFlags({ enctypes, flags = [] }: ServiceOptions): string[] {
  if (enctypes === undefined) return [...flags];
  return ['-e', enctypes.map((enctype) => `${enctype}:normal`).join(','), ...flags];
}

/** The flags of addprinc for a user, but for the password, the lockout and `locked`. */
export function userFlags(options: UserOptions): string[] {
  const { state = 'active', preauth = true } = options;
  // To a new principal, what is 'active' needs no words.
  const special = stateFlags(state).slice(ACTIVE.length);
  return [
    preauth ? '+requires_preauth' : '-requires_preauth',
    ...special,
    ...serviceFlags(options),
  ];
}

/** The flags of modprinc that bring a user into a state. Throws a TypeError for an unknown one. */
export function stateFlags(state: AccountState): readonly string[] {
  if (Object.hasOwn(STATES, state)) return STATES[state];
  throw new TypeError(`No account is '${state}'; one is ${Object.keys(STATES).join(', ')}`);
}

/**
 * The wrong passwords in a row that lock a user; undefined for one who is never locked. Throws a
 * TypeError for what is no count.
 */
export function lockoutOf({ lockout }: UserOptions): number | undefined {
  if (lockout === undefined || (Number.isInteger(lockout) && lockout > 0)) return lockout;
  throw new TypeError(`A lockout is after a number of wrong passwords, not after ${lockout}`);
}

/** The names of options, each of them once. */
export type Names<Options> = Readonly<Record<keyof Options, true>>;

export const SERVICE_OPTIONS: Names<ServiceOptions> = { enctypes: true, flags: true };
export const USER_OPTIONS: Names<UserOptions> = {
  ...SERVICE_OPTIONS,
  state: true,
  preauth: true,
  lockout: true,
};

/**
 * Throws a TypeError for what is no object, as a flag is that JavaScript lets be passed, and for a
 * name that no option has: either would vanish, and what a test says of the rest prove nothing.
 */
export function checkOptions<Options extends object>(
  options: Options,
  names: Names<Options>,
): void {
  const all = Object.keys(names);
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`Options are an object of ${all.join(', ')}, not '${options}'`);
  }
  for (const name of Object.keys(options)) {
    if (all.includes(name)) continue;
    throw new TypeError(`There is no option '${name}'; there are ${all.join(', ')}`);
  }
}

/** Throws a TypeError where there is none: TypeScript knows, and JavaScript would pass 'undefined'. */
export function checkPassword(name: string, password: string): void {
  if (typeof password !== 'string') throw new TypeError(`The password of ${name} is no string`);
}
