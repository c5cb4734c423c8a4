// What libkrb5 does with a krb5.conf and does not tell: which files it includes, and which lines it skips
// (prof_parse.c).

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { shellWord } from '../usage.js';

/** Files that a krb5.conf includes, or that are in a folder in its place. */
export interface Include {
  file: string;
  /** 'line 3 of /etc/krb5.conf includes it' */
  by: string;
}

/** libkrb5 takes the names in a folder that have these characters, or that end so. */
const NAMES = /^(?!\.)([\w-]+|.*\.conf)$/;

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => NAMES.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

const isFolder = (path: string) =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

export function includesOf(file: string): Include[] {
  if (isFolder(file)) return filesIn(file).map((each) => ({ file: each, by: `it is in ${file}` }));
  return linesOf(file).flatMap((line, i) => {
    const [, folder, path = ''] = /^include(dir)?\s+(.*\S)/.exec(line) ?? [];
    const by = `line ${i + 1} of ${file} includes it`;
    if (path === '') return [];
    const files = folder === undefined ? [path] : filesIn(path);
    return files.map((each) => ({ file: each, by }));
  });
}

/** Lines that libkrb5 skips because they stand before the first section. */
export interface Skipped {
  detail: string;
  remedy: string[];
  /** Nothing else is in the file. */
  all: boolean;
}

/** Null if libkrb5 skips no line but comments. A line that begins with anything but '[' starts no section. */
export function skippedIn(file: string): Skipped | null {
  if (isFolder(file)) return null;
  const lines = linesOf(file);
  const start = lines.findIndex((line) => line.startsWith('['));
  const before = lines
    .slice(0, start === -1 ? lines.length : start)
    .map((line, i) => ({ line, number: i + 1 }))
    .filter(({ line }) => !/^\s*([#;]|$)|^(include|includedir|module)\s/.test(line));
  const [first, last] = [before[0], before.at(-1)];
  if (first === undefined || last === undefined) return null;
  const which = first === last ? `line ${first.number}` : `lines ${first.number} to ${last.number}`;
  const all = start === -1 && !lines.some((line) => /^(include|includedir|module)\s/.test(line));
  const [why, ...remedy] = reasonFor(file, first);
  return { detail: `libkrb5 skips ${which} of ${file}: ${why}`, remedy, all };
}

function reasonFor(file: string, { line, number }: { line: string; number: number }): string[] {
  const path = shellWord(file);
  if (line.startsWith('\ufeff')) {
    return [
      'the file begins with a byte order mark',
      'Remove the mark:',
      `sed -i '1s/^\\xEF\\xBB\\xBF//' ${path}`,
    ];
  }
  if (/^\s+\[/.test(line)) {
    return [
      'a blank is before the first [section]',
      'Remove the blanks before sections:',
      `sed -i 's/^[[:space:]]*\\[/[/' ${path}`,
    ];
  }
  if (/^\s*</.test(line)) {
    return ['this is a page of the web or XML, not a krb5.conf', `head -n 5 ${path}`];
  }
  return [
    'they are before the first [section]',
    `sed -n ${number}p ${path}`,
    'Write the section before them, such as:',
    '[libdefaults]',
  ];
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/);
  } catch {
    return [];
  }
}
