// The measurements and their text. A row has a figure for each subject; a bound holds or does not.

/** The programs that are measured, in the order of the table's columns. */
export const SUBJECTS = {
  kpass: 'kpass, with a KDC transport of its own, under armor',
  'kpass unarmored': "kpass with `fast: 'never'`",
  'kpass on libkrb5': "kpass with `transport: 'libkrb5'`",
  'C loop': 'the same two calls of libkrb5 in C, one context a thread',
  'npm kerberos':
    'the package kerberos: checkPassword(), which does not verify the KDC; initializeServer() and step()',
  pam_krb5: 'libpam-krb5, through PAM, in C',
  mod_auth_gssapi: "Apache's mod_auth_gssapi with Basic authentication, no session",
} as const;

export type Subject = keyof typeof SUBJECTS;

export const ALL = Object.keys(SUBJECTS) as Subject[];
/** Subjects that need no package of the system. */
export const ALWAYS_THERE = ALL.slice(0, 5);

/** The figures of all rounds. */
interface Figure {
  median: number;
  rounds: number[];
}

/** Each subject's figure, or the reason why it has none. */
export type Figures = Partial<Record<Subject, Figure | string>>;

export interface Row {
  id: string;
  what: string;
  unit: 'ms' | 'µs' | 'per s' | 'bytes' | 'MB' | '';
  figures: Figures;
  /** The measurement stopped here: a figure of this size or more means 'over' this. */
  limit?: number;
  /** The number of calls that failed under the load, in all rounds. No figure includes them. */
  failed?: Partial<Record<Subject, number>>;
}

interface Bound {
  id: string;
  what: string;
  unit: Row['unit'] | '×';
  value: number;
  most?: number;
  least?: number;
}

export type Measurement = Row | Bound;

export function isBound(measurement: Measurement): measurement is Bound {
  return 'value' in measurement;
}

/** Also false for NaN, a value that could not be measured. */
export function holds({ value, most = Infinity, least = -Infinity }: Bound): boolean {
  return value <= most && value >= least;
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function figure(rounds: readonly number[]): Figure {
  return { median: rounded(median(rounds)), rounds: rounds.map(rounded) };
}

/** NaN if the subject has no figure. */
export function medianOf(figures: Figures, subject: Subject): number {
  const its = figures[subject];
  return typeof its === 'object' ? its.median : Number.NaN;
}

/** The median, over the rounds, of one figure divided by another: a disturbance in a round hits both. */
export function ratio(its: Figures[Subject], others: Figures[Subject]): number {
  if (typeof its !== 'object' || typeof others !== 'object') return Number.NaN;
  const pairs = Math.min(its.rounds.length, others.rounds.length);
  return median(
    Array.from({ length: pairs }, (_, i) => (its.rounds[i] ?? 0) / (others.rounds[i] ?? 0)),
  );
}

/** Keeps only the digits that the measurement supports. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

const WHAT_WIDTH = 52;
const COLUMN_WIDTH = 17;

export function head(): string {
  const columns = ALL.map((name) => name.padStart(COLUMN_WIDTH));
  return `${' '.repeat(WHAT_WIDTH)}${columns.join('')}`;
}

export function line({ what, unit, figures, limit = Infinity, failed = {} }: Row): string {
  const cells = ALL.map((name) => {
    const its = figures[name];
    if (its === undefined) return '–';
    if (typeof its === 'string') return its.slice(0, COLUMN_WIDTH - 2);
    const failures = failed[name] ? `(${failed[name]} failed) ` : '';
    return `${failures}${its.median >= limit ? '> ' : ''}${readable(Math.min(its.median, limit))}`;
  });
  const label = unit === '' ? what : `${what}, ${unit}`;
  return label.padEnd(WHAT_WIDTH) + cells.map((cell) => cell.padStart(COLUMN_WIDTH)).join('');
}

export function boundLine(bound: Bound): string {
  const { what, unit, value, most, least } = bound;
  const must = most === undefined ? `≥ ${readable(least ?? 0)}` : `≤ ${readable(most)}`;
  const measured = Number.isNaN(value) ? 'no figure' : `${readable(value)} ${unit}`;
  return `${holds(bound) ? '✓' : '✗'} ${what.padEnd(76)} ${must.padStart(9)} ${measured.padStart(14)}`;
}

export function readable(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}
