// Draws the figures of docs/benchmarks.md: a bar for each subject, with kpass's in colour. The picture
// follows the reader's colour scheme, has its own background, and loads nothing.

import { isBound, type Measurement, type Row, readable, type Subject } from './figures';
import type { Machine } from './machine';

const PANELS = [
  { id: 'cpu-8', title: 'CPU of a verification', unit: 'ms; less is better' },
  {
    id: 'throughput-64-50',
    title: 'Verifications per second, KDC 50 ms late',
    unit: '64 at once; more is better',
  },
  {
    id: 'silent-1-after',
    title: 'A login with the first of two KDCs dead',
    unit: 'ms, median of those after the first; less is better',
  },
  {
    id: 'readFile-busy-4',
    title: 'fs.readFile() with 4 logins at a silent KDC',
    unit: 'ms, 99th percentile; less is better',
  },
] as const;

const WIDTH = 880;
const MARGIN = 24;
const COLUMN = (WIDTH - MARGIN) / 2;
const LABELS = 124;
const BARS = 210;
const BAR = 14;
const STEP = 24;
const TITLE = 52;
const PANEL = TITLE + 6 * STEP + 16;

const STYLE = `
  svg { --ground: #fcfcfb; --ink: #0b0b0b; --faint: #52514e; --bar: #b9b8ae; --kpass: #2a78d6 }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #1a1a19; --ink: #fff; --faint: #c3c2b7; --bar: #62615c; --kpass: #3987e5 }
  }
  .ground { fill: var(--ground) }
  text { font: 13px system-ui, sans-serif; fill: var(--ink) }
  .title { font-weight: 600; font-size: 14px }
  .faint { fill: var(--faint); font-size: 12px }
  .bar { fill: var(--bar) }
  .kpass { fill: var(--kpass) }
  .strong { font-weight: 600 }`;

export function chart(measurements: readonly Measurement[], machine: Machine): string {
  const rows = new Map(measurements.flatMap((its) => (isBound(its) ? [] : [[its.id, its]])));
  const panels = PANELS.flatMap(({ id, title, unit }, i) => {
    const row = rows.get(id);
    const [x, y] = [MARGIN + (i % 2) * COLUMN, MARGIN + Math.floor(i / 2) * PANEL];
    return row === undefined ? [] : [panel(row, title, unit, x, y)];
  });
  const height = MARGIN + 2 * PANEL + 32;
  const { processor, cores, node, krb5, date } = machine;
  const told = `Medians of rounds that take turns, in one run. ${cores} × ${processor}, Node.js ${node}, ${krb5}, ${date}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>kpass and other programs: the figures of npm run bench</title>
<style>${STYLE}
</style>
<rect class="ground" width="${WIDTH}" height="${height}" rx="8"/>
${panels.join('\n')}
<text class="faint" x="${MARGIN}" y="${height - 18}">${escaped(told)}</text>
</svg>
`;
}

function panel(row: Row, title: string, unit: string, x: number, y: number): string {
  const { limit = Infinity } = row;
  const bars = Object.entries(row.figures).flatMap(([subject, its]) =>
    typeof its === 'object' ? [{ subject: subject as Subject, value: its.median }] : [],
  );
  const longest = Math.max(...bars.map(({ value }) => Math.min(value, limit)));
  const drawn = bars.map(({ subject, value }, i) => {
    const text = value >= limit ? `over ${readable(limit)}` : readable(value);
    return bar(subject, text, Math.min(value, limit) / longest, TITLE + i * STEP);
  });
  return `<g transform="translate(${x} ${y})">
<text class="title" y="14">${escaped(title)}</text>
<text class="faint" y="32">${escaped(unit)}</text>
${drawn.join('\n')}
</g>`;
}

function bar(subject: Subject, value: string, part: number, y: number): string {
  const own = subject === 'kpass';
  const length = Math.max(2, Math.round(part * BARS));
  const middle = y + BAR / 2 + 4.5;
  const text = own ? ' class="strong"' : '';
  const kind = own ? 'kpass' : 'bar';
  return [
    `<text${text} y="${middle}">${subject}</text>`,
    `<rect class="${kind}" x="${LABELS}" y="${y}" width="${length}" height="${BAR}" rx="2"/>`,
    `<text${text} x="${LABELS + length + 8}" y="${middle}">${value}</text>`,
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
