// The manual of the test realm, docs/testing.md: its example runs, and it leaves nothing out.

import { deepEqual, equal, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { nothingIsLeft, withTemporaryFolder } from '../support/ends';

const execute = promisify(execFile);
const PACKAGE = join(__dirname, '../..');

describe('the manual of the test realm', () => {
  const manual = readFileSync(join(PACKAGE, 'docs', 'testing.md'), 'utf8');
  const [, example = ''] = /^## In a test\n.*?```js\n(.*?)```/ms.exec(manual) ?? [];
  const types = ['options.d.ts', 'realm.d.ts']
    .map((name) => readFileSync(join(PACKAGE, 'dist', 'testing', name), 'utf8'))
    .join('');

  /** Runs the example as a test of another package, which has kpass as a dependency. */
  async function runExample(source: string, command: readonly string[]): Promise<string> {
    let printed = '';
    await withTemporaryFolder(async (folder) => {
      const temporary = join(folder, 'tmp');
      await Promise.all([mkdir(temporary), mkdir(join(folder, 'node_modules'))]);
      await symlink(PACKAGE, join(folder, 'node_modules', 'kpass'));
      await writeFile(join(folder, 'login.test.mjs'), source);
      const env = { ...process.env, NODE_OPTIONS: '', TMPDIR: temporary };
      delete (env as NodeJS.ProcessEnv).NODE_TEST_CONTEXT;
      const options = { cwd: folder, env };
      printed = (await execute(process.execPath, [...command, 'login.test.mjs'], options)).stdout;
      await nothingIsLeft(temporary);
    });
    return printed;
  }

  it('has an example that runs with node:test', async () => {
    const printed = await runExample(example, ['--test', '--test-reporter=tap']);
    equal([...printed.matchAll(/^ +ok \d+ - (is|ends|fails)/gm)].length, 5, printed);
    match(printed, /^# fail 0$/m);
  });

  it('has an example that runs with mocha, without its second line', async () => {
    const lines = example.split('\n');
    match(lines[1] ?? '', /from 'node:test'/);
    const mocha = join(PACKAGE, 'node_modules', 'mocha', 'bin', 'mocha.js');
    const printed = await runExample(lines.toSpliced(1, 1).join('\n'), [mocha]);
    match(printed, /5 passing/);
  });

  it('names every member of a Realm', () => {
    const members = Object.keys(Object.getOwnPropertyDescriptors(Realm.prototype))
      .concat('name', 'folder', 'config')
      .filter((name) => name !== 'constructor');
    deepEqual(
      members.filter((name) => !manual.includes(`\`${name}`)),
      [],
    );
  });

  const TYPES = {
    RealmOptions: 2,
    OwnConfigOptions: 2,
    ConfigOptions: 1,
    ImpostorOptions: 2,
  };
  for (const [options, least] of Object.entries(TYPES)) {
    it(`names every option of ${options}`, () => {
      const [, body = ''] =
        new RegExp(`interface ${options}\\b[^{]*{(.*?)\n}`, 's').exec(types) ?? [];
      const names = [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name = '']) => name);
      deepEqual(
        names.filter((name) => !new RegExp(`[\`, ]${name}[\`, ]`).test(manual)),
        [],
      );
      equal(names.length >= least, true, options);
    });
  }
});
