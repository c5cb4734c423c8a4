// Finds the line of a syntax error in krb5.conf. libkrb5 reports the error without the line.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The number of the first bad line: the lines before it parse, and with it they do not. Undefined if
 * the whole file parses. `parses` gets copies of the file that end early.
 */
export async function firstBadLine(
  file: string,
  parses: (copy: string) => Promise<boolean>,
): Promise<number | undefined> {
  const lines = readFileSync(file, 'utf8').split('\n');
  const folder = mkdtempSync(join(tmpdir(), 'kpass-doctor-'));
  const copy = join(folder, 'krb5.conf');
  const good = (count: number) => {
    writeFileSync(
      copy,
      lines
        .slice(0, count)
        .map((line) => `${line}\n`)
        .join(''),
    );
    return parses(copy);
  };
  try {
    let [least, most] = [0, lines.length];
    if (await good(most)) return undefined;
    while (most - least > 1) {
      const middle = Math.floor((least + most) / 2);
      if (await good(middle)) least = middle;
      else most = middle;
    }
    return most;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
