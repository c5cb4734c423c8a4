// What two places say must agree: the sources of the two builds, and libkrb5's error numbers. And
// the native code is in layers.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { krb5Name } from '../../lib/krb5-codes';

const PACKAGE = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(PACKAGE, path), 'utf8');
const sources = (text: string) =>
  [...new Set(text.match(/\bnative\/(base|net|kerberos|node)\/\w+\.cc\b/g))].sort();

/** Each folder of native/ includes itself and the folders before it. */
const LAYERS = ['base', 'net', 'kerberos', 'node'];
const files = LAYERS.flatMap((layer) =>
  readdirSync(join(PACKAGE, 'native', layer)).map((name) => ({
    layer,
    path: `native/${layer}/${name}`,
  })),
);

describe('the two builds', () => {
  it('name the same sources, which are all there are', () => {
    const there = files
      .map(({ path }) => path)
      .filter((path) => path.endsWith('.cc'))
      .sort();
    deepEqual(sources(read('binding.gyp')), there);
    deepEqual(sources(read('CMakeLists.txt')), there);
  });

  it('ask for the same version of Node-API, and of C++', () => {
    const one = (path: string, pattern: RegExp) => pattern.exec(read(path))?.[1];
    const { napi_versions } = JSON.parse(read('package.json')).binary;
    for (const path of ['binding.gyp', 'CMakeLists.txt', 'native/node/addon.cc']) {
      equal(one(path, /NAPI_VERSION[= ](\d+)/), String(napi_versions[0]), path);
    }
    equal(one('binding.gyp', /-std=c\+\+(\d+)"/), one('CMakeLists.txt', /CXX_STANDARD (\d+)/));
  });
});

describe('the layers of native/', () => {
  const includes = files.flatMap(({ layer, path }) =>
    [...read(path).matchAll(/^#include "(.+)"/gm)].map(([, included = '']) => ({
      layer,
      line: `${path} includes ${included}`,
      from: included.split('/')[0] ?? '',
    })),
  );

  it('include only themselves and those before them', () => {
    // Each file includes something: an empty list would prove nothing.
    ok(includes.length > files.length, `${includes.length} includes in ${files.length} files`);
    const upward = includes.filter(
      ({ layer, from }) => !LAYERS.slice(0, LAYERS.indexOf(layer) + 1).includes(from),
    );
    deepEqual(
      upward.map(({ line }) => line),
      [],
    );
  });

  it('know Node-API in node/ only', () => {
    const others = files.filter(
      ({ layer, path }) => layer !== 'node' && /<(napi|node_api)\.h>/.test(read(path)),
    );
    deepEqual(
      others.map(({ path }) => path),
      [],
    );
  });
});

describe('libkrb5’s error numbers', () => {
  const defined = [...headers().matchAll(/^#define (\w+)\s+\((-?\d+)L?\)/gm)].map(
    ([, name = '', number]) => [name, Number(number)] as const,
  );
  // Not the KDC's own tables, nor krb524's; and small numbers are flags.
  const errors = defined.filter(
    ([name, number]) =>
      /^(KRB5(?!_KDB|_LOG|24)|ASN1_|PROF_)(?!.*PLACEHOLD)/.test(name) && Math.abs(number) > 1e6,
  );

  it('are named as krb5.h and profile.h name them', () => {
    const known = errors.filter(([, number]) => krb5Name(number) !== undefined);
    deepEqual(
      known.map(([, number]) => krb5Name(number)),
      known.map(([name]) => name),
    );
    // A newer libkrb5 may have numbers that kpass does not name. Not many.
    const newer = errors.length - known.length;
    ok(known.length > 270 && newer < 20, `${known.length} known, ${newer} not`);
  });
});

/** The text of the headers with the error tables, found as the builds find them. */
function headers(): string {
  const pkgConfig = (...args: string[]) =>
    execFileSync('pkg-config', [...args, 'krb5'], { encoding: 'utf8' }).trim();
  const folders = [
    ...pkgConfig('--cflags-only-I')
      .split(/\s+/)
      .filter(Boolean)
      .map((flag) => flag.slice(2)),
    pkgConfig('--variable=includedir'),
    '/usr/include',
  ];
  const texts = ['krb5/krb5.h', 'profile.h'].map((name) => {
    const path = folders.map((folder) => join(folder, name)).find(existsSync);
    if (path === undefined) throw new Error(`No ${name} in ${folders.join(', ')}`);
    return readFileSync(path, 'utf8');
  });
  return texts.join('\n');
}
