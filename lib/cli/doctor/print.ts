// A link as a person reads it.

import { type Colour, painter } from '../terminal.js';
import type { Link, Status } from './chain.js';

const SIGNS: Record<Status, [sign: string, colour: Colour]> = {
  ok: ['✓', 'green'],
  warning: ['!', 'yellow'],
  broken: ['✗', 'red'],
  'not tried': ['·', 'dim'],
};

/** The longest name of a link, and a space. */
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
