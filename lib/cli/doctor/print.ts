// Prints the links for a person, and a summary.

import { type Colour, painter } from '../terminal.js';
import type { Link, Status } from './chain.js';

const SIGNS: Record<Status, [sign: string, colour: Colour]> = {
  ok: ['✓', 'green'],
  warning: ['!', 'yellow'],
  broken: ['✗', 'red'],
  'not tried': ['·', 'dim'],
};

/** The length of the longest link name, and one space. */
const COLUMN = 10;

export function printLink({ name, status, detail, remedy, trace = [] }: Link): void {
  const paint = painter(process.stdout);
  const [sign, colour] = SIGNS[status];
  const margin = ' '.repeat(COLUMN + 2);
  const words = status === 'not tried' ? paint('dim', `not tried: ${detail}`) : detail;
  const lines = [
    `${paint(colour, sign)} ${paint('bold', name.padEnd(COLUMN))}${words}`,
    ...remedy.map((line) => `${margin}${paint(colour, '│')} ${line}`),
    ...trace.map((line) => `${margin}${paint('dim', line)}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Prints the next step. `withUser` is a command that tests a user's login too; null if it was tested. */
export function printSummary(links: readonly Link[], withUser: string | null): void {
  process.stdout.write(`\n${summaryOf(links, withUser)}\n`);
}

function summaryOf(links: readonly Link[], withUser: string | null): string {
  const broken = new Set(links.filter(({ status }) => status === 'broken').map(({ name }) => name));
  if (broken.size > 0) {
    const which = broken.size === 1 ? 'it' : 'the first of them';
    return `Broken: ${[...broken].join(', ')}. Repair ${which}, and run doctor again.`;
  }
  if (withUser === null) return 'Nothing is broken, and the login is verified.';
  return `Nothing is broken. To test a user's login too, run:\n  ${withUser}`;
}
