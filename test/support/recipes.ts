// The recipes of docs/recipes.md and docs/operating.md are parts of the examples, line for line. After a change of the
// examples, this command updates the recipes: node --import tsx test/support/recipes.ts

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PACKAGE = dirname(require.resolve('kpass/package.json'));
const PAGES = ['recipes.md', 'operating.md'].map((name) => join(PACKAGE, 'docs', name));
const RECIPE =
  /^```(?:js|ts)\n((?:(?!```).*\n)+)```\n\nThe whole (?:server|module): \[([\w-]+\.m[jt]s)\]/gm;

export interface Recipe {
  /** A file in examples/. */
  file: string;
  /** The code on the page. */
  code: string;
}

export function recipes(): Recipe[] {
  const found = PAGES.flatMap((page) => [...readFileSync(page, 'utf8').matchAll(RECIPE)]);
  return found.map(([, code = '', file = '']) => ({ file, code }));
}

/**
 * The lines of the example that a recipe shows: from its first line to its last one, at the same depth
 * of indentation. Throws an error if the example has no such lines any more.
 */
export function partOfExample({ file, code }: Recipe): string {
  const shown = code.trimEnd().split('\n');
  const lines = readFileSync(join(PACKAGE, 'examples', file), 'utf8').split('\n');
  const begin = lines.findIndex((line) => line.trimStart() === shown[0]);
  if (begin < 0) throw new Error(`examples/${file} has no line '${shown[0]}'`);
  const indent = /^ */.exec(lines[begin] ?? '')?.[0] ?? '';
  const end = lines.indexOf(`${indent}${shown.at(-1)}`, begin + 1);
  if (end < 0) throw new Error(`examples/${file} has no line '${shown.at(-1)}' after that`);
  const part = lines.slice(begin, end + 1);
  return part
    .map((line) => `${line.startsWith(indent) ? line.slice(indent.length) : line}\n`)
    .join('');
}

function rewrite(): void {
  for (const path of PAGES) {
    const page = readFileSync(path, 'utf8');
    const written = page.replace(RECIPE, (recipe, code: string, file: string) =>
      recipe.replace(code, () => partOfExample({ file, code })),
    );
    writeFileSync(path, written);
  }
}

if (require.main === module) rewrite();
