// The layers of native/ and lib/. A file may use only files of its own layer and of layers below.

import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

const PACKAGE = join(__dirname, '../..');
const MOST_LINES = 400;

/** Each layer of native/ with the layers that its files may include. */
const NATIVE = {
  base: ['base'],
  net: ['base', 'net'],
  kerberos: ['base', 'net', 'kerberos'],
  node: ['base', 'net', 'kerberos', 'node'],
};

/** Each layer of lib/ with the layers that its files may import; lib/*.ts are the core. */
const LIB = {
  core: ['core'],
  redis: ['core', 'redis'],
  doctor: ['core', 'cli', 'doctor'],
  http: ['core', 'doctor', 'http'],
  testing: ['testing'],
  cli: ['core', 'testing', 'cli'],
};

/** A file, and the files of the same tree that it names. */
type Graph = Map<string, string[]>;

describe('the layers of native/', () => {
  const files = filesIn('native', /\.(cc|h)$/).filter((file) => layerOf(file) in NATIVE);
  const graph: Graph = new Map(
    files.map((file) => [file, [...read('native', file).matchAll(/^#include "(.*)"/gm)].map(name)]),
  );

  it('each hold a header and a source', () => {
    for (const layer of Object.keys(NATIVE)) {
      for (const ending of ['.h', '.cc']) {
        const found = files.some((file) => layerOf(file) === layer && file.endsWith(ending));
        ok(found, `no *${ending} in native/${layer}`);
      }
    }
  });

  it('include only each other, and by paths from native/', () => namesOnlyFiles(graph));

  it('include no layer above them', () => deepEqual(breaches(graph, NATIVE), []));

  it('include in no circle', () => deepEqual(circle(graph), []));

  it('leave Node-API to node', () => {
    const users = files.filter((file) =>
      /^#include <(napi|node_api|js_native_api|uv)/m.test(read('native', file)),
    );
    deepEqual([...new Set(users.map(layerOf))], ['node']);
  });
});

describe('the layers of lib/', () => {
  const files = filesIn('lib', /(?<!\.d)\.ts$/);
  const graph: Graph = new Map(files.map((file) => [file, importsOf(file)]));

  it('are all known, and each holds a file', () => {
    deepEqual([...new Set(files.map(layerOf))].sort(), Object.keys(LIB).sort());
  });

  it('import only files that are there', () => namesOnlyFiles(graph));

  it('import no layer that they must not know', () => deepEqual(breaches(graph, LIB), []));

  it('leave the native addon to addon.ts', () => {
    const users = files.filter((file) => /require\('[^']*\.node'/.test(read('lib', file)));
    deepEqual(users, ['addon.ts']);
  });

  it('import in no circle, not even types', () => deepEqual(circle(graph), []));
});

for (const folder of ['native', 'lib']) {
  it(`no file of ${folder}/ is longer than ${MOST_LINES} lines`, () => {
    const files = filesIn(folder, /\.(cc|h|ts)$/);
    notEqual(files.length, 0);
    const lines = (file: string) => read(folder, file).trimEnd().split('\n').length;
    const long = files.filter((file) => lines(file) > MOST_LINES);
    deepEqual(
      long.map((file) => `${folder}/${file}: ${lines(file)}`),
      [],
    );
  });
}

describe('the search for circles', () => {
  it('finds one of three files, behind a fourth', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c', 'e']],
      ['c', ['d']],
      ['d', ['b']],
      ['e', []],
    ]);
    deepEqual(circle(graph), ['b', 'c', 'd', 'b']);
    equal(graph.get('d')?.pop(), 'b');
    deepEqual(circle(graph), []);
  });
});

function filesIn(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(PACKAGE, folder), { encoding: 'utf8', recursive: true })
    .filter((file) => pattern.test(file))
    .sort();
}

function read(folder: string, file: string): string {
  return readFileSync(join(PACKAGE, folder, file), 'utf8');
}

function name([, name = '']: RegExpMatchArray): string {
  return name;
}

/** The first folder of a path. */
function layerOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : 'core';
}

/** The other files of lib/ that one imports or re-exports: values or types, also by `import()`. */
function importsOf(file: string): string[] {
  return [...read('lib', file).matchAll(/\b(?:from|import|require)\b\s*\(?\s*'(\.[^']*)'/g)]
    .map(name)
    .filter((path) => !path.endsWith('.node')) // The addon, of which addon.ts alone knows.
    .map((path) => posix.join(dirname(file), path.replace(/(\.js)?$/, '.ts')))
    .filter((path) => path !== file); // `typeof import()` of itself.
}

/** Fails unless every name in the graph is a file in it, and there are more names than files. */
function namesOnlyFiles(graph: Graph): void {
  const named = [...graph.values()].flat();
  ok(named.length > graph.size, `${named.length} names in ${graph.size} files`);
  deepEqual(
    named.filter((file) => !graph.has(file)),
    [],
  );
}

function breaches(graph: Graph, allowed: Record<string, string[]>): string[] {
  return [...graph].flatMap(([file, named]) =>
    named
      .filter((other) => !allowed[layerOf(file)]?.includes(layerOf(other)))
      .map((other) => `${file} → ${other}`),
  );
}

/** The files of a circle in order, with the first one again at the end. Without a circle: []. */
function circle(graph: Graph): string[] {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return [];
    for (const next of graph.get(file) ?? []) {
      const found = visit(next, [...path, file]);
      if (found.length > 0) return found;
    }
    done.add(file);
    return [];
  };
  for (const file of graph.keys()) {
    const found = visit(file, []);
    if (found.length > 0) return found;
  }
  return [];
}
