// The memory of accepted tokens, compiled alone: 100,000 logins by ticket would take too long.

import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { withTemporaryFolder } from '../support/ends';

const run = promisify(execFile);
const NATIVE = join(dirname(require.resolve('kpass/package.json')), 'native');

describe('the memory of accepted tokens', function () {
  this.timeout(120_000);

  it('knows the last 100,000, and no others', () =>
    withTemporaryFolder(async (folder) => {
      const program = join(folder, 'replays');
      const sources = ['test/replays.cc', 'kerberos/replays.cc'].map((file) => join(NATIVE, file));
      const checks = ['-fsanitize=address,undefined', '-D_GLIBCXX_ASSERTIONS'];
      const flags = ['-std=c++17', '-O1', '-g', '-pthread', `-I${NATIVE}`, ...checks];
      await run('g++', [...flags, '-o', program, ...sources]);
      await run(program);
    }));
});
