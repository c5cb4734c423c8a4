// Installing kpass takes a second, and loads the right binary. Where none fits, the error says what to do.
// build-command.test.ts compiles; managers.test.ts installs with each package manager.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import {
  bareEnvironment,
  emptyFolder,
  emptyProject,
  install,
  NODES,
  PACKING,
  PROGRAM,
  packToPassword,
  runFile,
  runtime,
  tarball,
  unpacked,
} from '../support/packed';
import { SERVICE } from '../support/subject';

const execute = promisify(execFile);

/**
 * ms from `npm pack` to a verified password. The bound is wide, because other programs share the
 * machine. bench/install.ts measures it on an idle machine: under 3 s.
 */
const MOST = 20_000;

const BINARY = `prebuilds/linux-${process.arch}/kpass.glibc.node`;
const MUSL = `prebuilds/linux-${process.arch}/kpass.musl.node`;

/** What a program that must fail says. */
async function complaint(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('It did not fail'),
    (reason: unknown) => reason,
  );
  assert(error instanceof Error && 'stderr' in error, String(error));
  return String(error.stderr);
}

describe('installing', function () {
  this.timeout(120_000);

  let realm: Realm;
  let users: NodeJS.ProcessEnv;
  /** The environment of a machine with Node.js and npm, but without a compiler. */
  let bare: NodeJS.ProcessEnv;
  before(async function () {
    this.timeout(PACKING);
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    users = { KRB5_CONFIG: realm.config, KEYTAB: realm.keytab(SERVICE) };
    bare = { ...(await bareEnvironment(process.execPath)), ...users };
    await tarball();
  });
  after(() => realm.stop());

  const kpassIn = (project: string) => join(project, 'node_modules', 'kpass');
  const installed = async (what?: string) => {
    const project = await emptyProject();
    await install(project, what ?? (await tarball()), bare);
    return project;
  };

  describe('where a binary fits', () => {
    for (const name of NODES) {
      it(`compiles nothing, and verifies a password soon after packing, on ${name}`, async () => {
        const env = { ...(await bareEnvironment(runtime(name))), ...users };
        const { answer, ms } = await packToPassword(await unpacked(), env);
        assert.equal(answer, `true ${BINARY}\n`);
        assert(ms < MOST, `${ms} ms`);
      });

      it(`verifies a password under Node's permission model, on ${name}`, async () => {
        // The realm is in a folder of its own. libkrb5 reads it, and is not under the model.
        const project = await installed();
        const isStable = !/^node-(20|22)$/.test(name);
        const permission = isStable ? '--permission' : '--experimental-permission';
        const flags = [permission, '--allow-addons', `--allow-fs-read=${project}`];
        const program = PROGRAM.replace(/const maps = .*/, 'const maps = "kpass/x.node";');
        assert.equal(
          await runFile(project, [runtime(name), ...flags], 'p.cjs', program, bare),
          'true x.node\n',
        );
      });
    }

    for (const flag of ['--ignore-scripts', '--omit=optional']) {
      it(`works with ${flag}`, async () => {
        const project = await emptyProject();
        await install(project, await tarball(), bare, flag);
        assert.equal(
          await runFile(project, ['node'], 'program.cjs', PROGRAM, bare),
          `true ${BINARY}\n`,
        );
      });
    }

    it('loads even if Node.js was replaced meanwhile', async () => {
      const project = await installed();
      const program = `process.execPath = '/nowhere';${PROGRAM}`;
      assert.equal(await runFile(project, ['node'], 'p.cjs', program, bare), `true ${BINARY}\n`);
    });

    it('works read-only, for another user, and copied to another folder', async () => {
      const project = await installed();
      const other = join(await emptyFolder(), 'my prö ject ü');
      cpSync(project, other, { recursive: true });
      await writeFile(join(other, 'program.cjs'), PROGRAM);
      await execute('chmod', ['-R', 'a-w,a+rX', other]);
      await chmod(join(other, '..'), 0o755);
      await chmod(join(other, '../..'), 0o755);
      // The keytab is for its owner: only the loading is this other user's.
      const { stdout } = await execute(
        process.execPath,
        ['-e', 'console.log(typeof require("kpass").kpass)'],
        { cwd: other, uid: 65534, gid: 65534 },
      );
      assert.equal(stdout, 'function\n');
      assert.equal(
        (await execute('node', ['program.cjs'], { cwd: other, env: bare })).stdout,
        `true ${BINARY}\n`,
      );
    });
  });

  // process.execPath is a program that names musl's loader. If the loader started Node.js,
  // process.execPath is the loader itself: musl's libc.so, which has another name on Alpine.
  for (const { how, name, loader } of [
    { how: 'on musl', name: 'node', loader: '/lib/ld-musl-x86_64.so.1' },
    { how: 'on musl, by way of its loader', name: 'libc.so', loader: '' },
    { how: 'on Alpine, by way of its loader', name: 'ld-musl-x86_64.so.1', loader: '' },
    { how: 'on musl, where the program cannot be read', name: 'missing', loader: '' },
  ]) {
    describe(how, () => {
      let musl: NodeJS.ProcessEnv;
      before(async () => {
        const folder = await emptyFolder();
        const program = join(folder, name);
        const preload = join(folder, 'preload.cjs');
        if (name !== 'missing') await writeFile(program, elf(loader));
        // Node.js for musl reports no glibc. The binaries are not loaded, because this machine has no musl.
        await writeFile(
          preload,
          `process.execPath = ${JSON.stringify(program)};
           process.report.getReport = () => ({ header: {} });
           require('node:module')._extensions['.node'] = (_, file) => {
             throw new Error('chosen: ' + file);
           };`,
        );
        musl = { ...bare, NODE_OPTIONS: `--require=${preload}` };
      });

      it('loads the binary for musl', async () => {
        const said = await complaint(runFile(await installed(), ['node'], 'p.cjs', PROGRAM, musl));
        assert.match(said, new RegExp(`chosen: .*/kpass/${MUSL}\n`));
      });

      it('does not load the binary for glibc, even if it is the only one', async () => {
        const project = await installed();
        rmSync(join(kpassIn(project), MUSL));
        const said = await complaint(runFile(project, ['node'], 'p.cjs', PROGRAM, musl));
        assert.match(said, /the package has no binary for this system\n.*npx kpass build/);
      });
    });
  }

  describe('where no binary fits', () => {
    it('says how to compile, on another processor', async () => {
      const program = `Object.defineProperty(process, 'arch', { value: 'riscv64' });${PROGRAM}`;
      const said = await complaint(runFile(await installed(), ['node'], 'p.cjs', program, bare));
      assert.match(said, /on linux riscv64, Node v.*: the package has no binary for this system\n/);
      assert.match(said, /To compile kpass on this system, run: npx kpass build/);
    });

    it('says how to compile, on macOS', async () => {
      const program = `Object.defineProperty(process, 'platform', { value: 'darwin' });${PROGRAM}`;
      const said = await complaint(runFile(await installed(), ['node'], 'p.cjs', program, bare));
      assert.match(
        said,
        /on darwin .*: the package has no binary for this system\n.*npx kpass build/,
      );
    });

    it('says how to compile, with a glibc that is too old', async () => {
      const folder = await unpacked();
      await replace(join(folder, BINARY), 'GLIBC_2.28', 'GLIBC_9.28');
      const said = await complaint(
        runFile(await installed(folder), ['node'], 'p.cjs', PROGRAM, bare),
      );
      assert.match(said, /GLIBC_9\.28' not found.*\n.*npx kpass build/);
    });
  });

  describe('where libkrb5.so.3 is missing', () => {
    it('installs, and fails to load with one error, which names the package', async () => {
      // The dynamic linker will look for a name that no machine has.
      const folder = await unpacked();
      await replace(join(folder, BINARY), 'libkrb5.so.3', 'libkrb5.so.0');
      const said = await complaint(
        runFile(await installed(folder), ['node'], 'p.cjs', PROGRAM, bare),
      );
      assert.match(said, /libkrb5\.so\.0: cannot open .*\n.*Install libkrb5-3 \(Debian, Ubuntu\)/);
      assert.doesNotMatch(said, /kpass build/);
    });
  });
});

/** The bytes of a program that names its loader, far from its beginning: see elf(5). */
function elf(loader: string): Buffer {
  const bytes = Buffer.alloc(20_000);
  bytes.write('\x7fELF\x02\x01', 'latin1');
  bytes.writeBigUInt64LE(64n, 32); // e_phoff
  bytes.writeUInt16LE(56, 54); // e_phentsize
  bytes.writeUInt16LE(2, 56); // e_phnum
  const second = 64 + 56;
  bytes.writeUInt32LE(3, second); // PT_INTERP
  bytes.writeBigUInt64LE(10_000n, second + 8); // p_offset
  bytes.writeBigUInt64LE(BigInt(loader.length + 1), second + 32); // p_filesz
  bytes.write(loader, 10_000);
  return bytes;
}

/** Replaces a text in a file with another of the same length. */
async function replace(file: string, text: string, other: string): Promise<void> {
  const bytes = await readFile(file, 'latin1');
  assert(bytes.includes(text) && text.length === other.length);
  await writeFile(file, bytes.replaceAll(text, other), 'latin1');
}
