// A realm runs for a user without a name, and in a folder for temporary files of any name.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { withTemporaryFolder } from '../support/ends';

const execute = promisify(execFile);
const PACKAGE = dirname(require.resolve('kpass/package.json'));

/** Its realms end with it. */
const PROGRAM = `
const { kpass } = require('kpass');
const { Realm } = require('kpass/testing');
(async () => {
  const realm = await Realm.start({ users: { alice: 'wonderland', bob: { password: 'x', state: 'locked' } } });
  process.env.KRB5_CONFIG = realm.config;
  await realm.rotateKeytab('HTTP/localhost');
  const replica = await realm.replicate();
  const keytab = realm.keytab('HTTP/localhost');
  const results = [
    await kpass('alice', 'wonderland', 'HTTP', 'localhost', keytab),
    await kpass('alice', 'wonderland', 'HTTP', 'localhost', keytab, { config: replica.config }),
    await realm.failedCount('bob'),
    realm.folder.startsWith(require('node:fs').realpathSync(process.env.TMPDIR)),
  ];
  console.log(JSON.stringify(results));
})();
`;

async function run(TMPDIR: string, more: NodeJS.ProcessEnv = {}): Promise<unknown[]> {
  const { USER, LOGNAME, HOME, ...others } = process.env;
  const env = { ...others, NODE_OPTIONS: '', TMPDIR, ...more };
  const { stdout } = await execute(process.execPath, ['-e', PROGRAM], { cwd: PACKAGE, env });
  return JSON.parse(stdout);
}

async function inFolder(name: string): Promise<unknown[]> {
  let results: unknown[] = [];
  await withTemporaryFolder(async (folder) => {
    const path = join(folder, name);
    await mkdir(path, { recursive: true });
    results = await run(path);
  });
  return results;
}

describe('a realm', () => {
  it('runs for a user without a name', async () => {
    await withTemporaryFolder(async (folder) => {
      const library = join(folder, 'no-names.so');
      const source = join(__dirname, '../support/no-names.c');
      await execute('gcc', ['-shared', '-fPIC', '-o', library, source]);
      assert.deepEqual(await run(folder, { LD_PRELOAD: library }), [true, true, 3, true]);
    });
  });

  const names: [string, string][] = [
    ['blanks', ' a  b '],
    ['quotes', `"a" 'b'`],
    ['backslashes', 'a\\nb\\'],
    ['characters of krb5.conf', '#;{[x]}=%{uid}'],
    ['characters of a shell', '$(exit)`exit`*&|<>'],
    ['letters of other languages', 'ünï 密码 🔑'],
    ['control characters', 'a\tb\x01\x7f'],
    ['800 bytes', Array(4).fill('d'.repeat(199)).join('/')],
  ];
  for (const [what, name] of names) {
    it(`runs in a TMPDIR with ${what} in its name`, async () => {
      assert.deepEqual(await inFolder(name), [true, true, 3, true]);
    });
  }

  const unnameable: [string, string][] = [
    ['a colon', 'a:b'],
    ['a line feed', 'a\nb'],
    ['3,000 bytes', Array(15).fill('d'.repeat(199)).join('/')],
  ];
  for (const [what, name] of unnameable) {
    it(`runs in /tmp for a TMPDIR with ${what} in its name`, async () => {
      assert.deepEqual(await inFolder(name), [true, true, 3, false]);
    });
  }
});
