// Some facts are written in two places, which must agree: the sources of the builds, and libkrb5's error
// numbers.

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { krb5Name } from '../../lib/krb5-codes';

const PACKAGE = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(PACKAGE, path), 'utf8');
const one = (path: string, pattern: RegExp) => pattern.exec(read(path))?.[1];
const sources = (text: string) =>
  [...new Set(text.match(/\bnative\/(base|net|kerberos|node)\/\w+\.cc\b/g))].sort();

describe('the builds', () => {
  it('name the same sources, and no source is left out', () => {
    const there = ['base', 'net', 'kerberos', 'node']
      .flatMap((layer) =>
        readdirSync(join(PACKAGE, 'native', layer)).map((name) => `native/${layer}/${name}`),
      )
      .filter((path) => path.endsWith('.cc'))
      .sort();
    deepEqual(sources(read('binding.gyp')), there);
    deepEqual(sources(read('CMakeLists.txt')), there);
  });

  it('read their flags from native/flags.json, as kpass build does', () => {
    const { defines, compile, warnings, linux } = JSON.parse(read('native/flags.json'));
    for (const path of ['binding.gyp', 'CMakeLists.txt']) {
      const text = read(path);
      match(text, /native\/flags\.json/);
      for (const flag of [...defines, ...warnings, ...linux.link]) {
        ok(!text.includes(`"${flag}"`) && !text.includes(` ${flag} `), `${flag} is in ${path} too`);
      }
    }
    equal(`-std=c++${one('CMakeLists.txt', /CXX_STANDARD (\d+)/)}`, compile[0]);
  });

  it('ask for the same version of Node-API', () => {
    const { napi_versions } = JSON.parse(read('package.json')).binary;
    for (const path of ['native/flags.json', 'native/node/addon.cc']) {
      equal(one(path, /NAPI_VERSION[= ](\d+)/), String(napi_versions[0]), path);
    }
  });

  it('compile the same folders as kpass build does', () => {
    equal(
      one('lib/cli/build/compile.ts', /LAYERS = \[(.*)\]/),
      "'base', 'net', 'kerberos', 'node'",
    );
  });
});

describe('libkrb5’s error numbers', () => {
  const defined = [...headers().matchAll(/^#define (\w+)\s+\((-?\d+)L?\)/gm)].map(
    ([, name = '', number]) => [name, Number(number)] as const,
  );
  // This leaves out the tables of the KDC and of krb524. Small numbers are flags.
  const errors = defined.filter(
    ([name, number]) =>
      /^(KRB5(?!_KDB|_LOG|24)|ASN1_|PROF_)(?!.*PLACEHOLD)/.test(name) && Math.abs(number) > 1e6,
  );

  it('have the names of krb5.h and profile.h', () => {
    const known = errors.filter(([, number]) => krb5Name(number) !== undefined);
    deepEqual(
      known.map(([, number]) => krb5Name(number)),
      known.map(([name]) => name),
    );
    // A newer libkrb5 may have a few numbers that kpass does not name.
    const newer = errors.length - known.length;
    ok(known.length > 270 && newer < 20, `${known.length} known, ${newer} not`);
  });
});

/** The text of the headers with the error tables; pkg-config finds them, as in the builds. */
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
