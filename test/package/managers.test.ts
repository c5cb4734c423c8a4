// Every package manager installs kpass in silence: no script, no dependency, no compiler. Then its `kpass
// build` works too.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Realm } from 'kpass/testing';
import { MANAGERS, ManagedProject } from '../support/managers';
import { copyingCompiler, PACKING, PROGRAM, tarball } from '../support/packed';
import { SERVICE } from '../support/subject';

/** What a manager says if a package has a script, or another fault. */
const WARNING = /warn|script|blocked|ignored|build|approve|YN0004|deprecated|error/i;

describe('installing with', function () {
  this.timeout(120_000);

  let realm: Realm;
  let users: NodeJS.ProcessEnv;
  let packed: string;
  before(async function () {
    this.timeout(PACKING);
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    users = { KRB5_CONFIG: realm.config, KEYTAB: realm.keytab(SERVICE) };
    packed = await tarball();
  });
  after(() => realm.stop());

  for (const name of Object.keys(MANAGERS)) {
    describe(name, () => {
      const binary = `true prebuilds/linux-${process.arch}/kpass.glibc.node\n`;
      let project: ManagedProject;
      before(async () => {
        project = await ManagedProject.make(name, { ...users, CXX: await copyingCompiler() });
      });

      it('adds one package without a warning, and a password is verified', async () => {
        const output = await project.add(packed);
        assert.doesNotMatch(output.replaceAll(packed, ''), WARNING);
        assert.match(
          output,
          /added 1 package\b|Packages: \+1\b|A package was added|\b1 package installed/,
        );
        assert.equal(await project.run(PROGRAM), binary);
      });

      it('installs it from the lockfile without a warning', async () => {
        rmSync(join(project.folder, 'node_modules'), { recursive: true, force: true });
        const output = await project.installFrozen();
        assert.doesNotMatch(output.replaceAll(packed, ''), WARNING);
        assert.equal(await project.run(PROGRAM), binary);
      });

      it('runs kpass build, whose addon is then loaded', async () => {
        assert.match(await project.kpass('build'), /^compiled .*kpass\.node in .* s; it loads$/m);
        assert.equal(await project.run(PROGRAM), 'true build/Release/kpass.node\n');
      });
    });
  }
});
