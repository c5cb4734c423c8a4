// Installing kpass takes a second if the package has a binary that fits. Otherwise it compiles; if it
// cannot, three lines name what is missing.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
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

/** The failure of a program that must fail. */
interface Failure {
  code: number;
  stdout: string;
  stderr: string;
}

async function failure(promise: Promise<unknown>): Promise<Failure> {
  const error = await promise.then(
    () => assert.fail('It did not fail'),
    (reason: unknown) => reason,
  );
  assert(error instanceof Error && 'stderr' in error, String(error));
  return error as unknown as Failure;
}

describe('installing', function () {
  this.timeout(120_000);

  let realm: Realm;
  let users: NodeJS.ProcessEnv;
  /** The environment of a machine with Node.js and npm, but without a compiler. */
  let bare: NodeJS.ProcessEnv;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    users = { KRB5_CONFIG: realm.config, KEYTAB: realm.keytab(SERVICE) };
    bare = { ...(await bareEnvironment(process.execPath)), ...users };
    await tarball();
  });
  after(() => realm.stop());

  const kpassIn = (project: string) => join(project, 'node_modules', 'kpass');
  const isCompiled = (project: string) => existsSync(join(kpassIn(project), 'build'));

  describe('where the binary fits', () => {
    for (const name of NODES) {
      it(`compiles nothing, and verifies a password soon after packing, on ${name}`, async () => {
        const env = { ...(await bareEnvironment(runtime(name))), ...users };
        const { answer, project, ms } = await packToPassword(await unpacked(), env);
        assert.equal(answer, `true ${BINARY}\n`);
        assert(!isCompiled(project));
        assert(ms < MOST, `${ms} ms`);
      });
    }

    it('works without its install script', async () => {
      const project = await emptyProject();
      await install(project, await tarball(), bare, '--ignore-scripts');
      assert.equal(
        await runFile(project, ['node'], 'program.cjs', PROGRAM, bare),
        `true ${BINARY}\n`,
      );
    });

    it('loads even if Node.js was replaced meanwhile', async () => {
      const project = await emptyProject();
      await install(project, await tarball(), bare);
      const program = `process.execPath = '/nowhere';${PROGRAM}`;
      assert.equal(await runFile(project, ['node'], 'p.cjs', program, bare), `true ${BINARY}\n`);
    });

    it('compiles with --build-from-source', async () => {
      const env = { ...bare, npm_config_build_from_source: 'true' };
      const { stderr } = await failure(install(await emptyProject(), await tarball(), env));
      assert.match(stderr, /kpass has to be compiled/);
    });
  });

  describe('where no binary fits', () => {
    it('compiles to the same bytes as the binary', async () => {
      const project = await emptyProject();
      await install(project, await unpacked({ binary: false }));
      assert.equal(
        await runFile(project, ['node'], 'program.cjs', PROGRAM, { ...process.env, ...users }),
        'true build/Release/kpass.node\n',
      );
      const built = join(kpassIn(project), 'build', 'Release', 'kpass.node');
      await execute('strip', ['--strip-all', built]);
      assert((await readFile(built)).equals(await readFile(join(await unpacked(), BINARY))));
    });

    it('prints three lines with what to install, without a compiler', async () => {
      const { stderr } = await failure(
        install(await emptyProject(), await unpacked({ binary: false }), bare),
      );
      assertThreeLines(stderr, "a C++ compiler, make, Python, pkg-config, libkrb5's headers");
    });

    it('prints three lines with what to install, without the headers', async () => {
      const env = { ...process.env, PKG_CONFIG_LIBDIR: '/nowhere' };
      const { stderr } = await failure(
        install(await emptyProject(), await unpacked({ binary: false }), env),
      );
      assertThreeLines(stderr, "libkrb5's headers");
    });

    it('tries no binary for another Node, nor one that needs a newer glibc', async () => {
      const folder = await unpacked();
      await replace(join(folder, BINARY), 'GLIBC_2.28', 'GLIBC_9.28');
      const { stderr } = await failure(install(await emptyProject(), folder, bare));
      assert.match(stderr, /GLIBC_9\.28' not found/);
      assert.match(stderr, /kpass has to be compiled/);
    });

    function assertThreeLines(stderr: string, missing: string): void {
      const own = stderr.split('\n').filter((line) => !/^npm (error|warn)/.test(line) && line);
      assert.equal(own.length, 3, stderr);
      assert(own[0]?.includes(`lacks ${missing}. `), own[0]);
      const text = own.join('\n');
      for (const [system, what] of Object.entries({
        Debian: 'libkrb5-dev',
        Fedora: 'krb5-devel',
        Alpine: 'krb5-dev',
        Homebrew: 'krb5',
      })) {
        assert.match(text, new RegExp(`${system}: [^;:]*\\b${what}\\b`));
      }
      assert.doesNotMatch(stderr, /gyp|Traceback/);
    }
  });

  // process.execPath is a program that names musl's loader. If the loader started Node.js,
  // process.execPath is the loader itself: musl's libc.so, which has another name on Alpine.
  for (const { how, name, loader } of [
    { how: 'on musl', name: 'node', loader: '/lib/ld-musl-x86_64.so.1' },
    { how: 'on musl, by way of its loader', name: 'libc.so', loader: '' },
    { how: 'on Alpine, by way of its loader', name: 'ld-musl-x86_64.so.1', loader: '' },
  ]) {
    describe(how, () => {
      let musl: NodeJS.ProcessEnv;
      before(async () => {
        const folder = await emptyFolder();
        const program = join(folder, name);
        const preload = join(folder, 'preload.cjs');
        await writeFile(program, elf(loader));
        await writeFile(preload, `process.execPath = ${JSON.stringify(program)};`);
        musl = { ...bare, NODE_OPTIONS: `--require=${preload}` };
      });

      it('does not take the binary for glibc', async () => {
        const { stderr } = await failure(install(await emptyProject(), await tarball(), musl));
        assert.match(stderr, /kpass has to be compiled/);
      });

      it('does not load the binary for glibc, even if it is the only one', async () => {
        const project = await emptyProject();
        await install(project, await tarball(), bare);
        const { stderr } = await failure(runFile(project, ['node'], 'p.cjs', PROGRAM, musl));
        assert.match(stderr, /kpass\.glibc\.node is for glibc, not musl\n.*npm rebuild kpass/);
      });
    });
  }

  describe('on macOS', () => {
    it('looks for Homebrew’s Kerberos, and not for g++', async () => {
      const folder = await unpacked();
      const bin = await emptyFolder();
      for (const [name, script] of Object.entries({
        'c++': 'exit 0',
        'pkg-config': 'case $* in *krb5) echo "$PKG_CONFIG_PATH" >"$0.path"; exit 1;; esac',
      })) {
        await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
        await chmod(join(bin, name), 0o755);
      }
      const preload = join(folder, 'preload.cjs');
      await writeFile(preload, "Object.defineProperty(process, 'platform', { value: 'darwin' });");
      const { PATH = '' } = bare;
      const env = {
        ...bare,
        PATH: `${bin}:${PATH}`,
        PKG_CONFIG_PATH: '/mine',
        NODE_OPTIONS: `--require=${preload}`,
      };
      const { stderr } = await failure(
        execute('node', [join(folder, 'scripts', 'install', 'install.cjs')], { env }),
      );
      assert.equal(
        await readFile(join(bin, 'pkg-config.path'), 'utf8'),
        [
          '/mine',
          '/opt/homebrew/opt/krb5/lib/pkgconfig',
          '/usr/local/opt/krb5/lib/pkgconfig\n',
        ].join(':'),
      );
      assert.match(
        stderr,
        /on this system \(darwin-\w+\), which lacks make, Python, libkrb5's headers\./,
      );
    });
  });

  describe('where libkrb5.so.3 is missing', () => {
    let project: string;
    let said: string;
    before(async () => {
      // The dynamic linker will look for a name that no machine has.
      const folder = await unpacked();
      await replace(join(folder, BINARY), 'libkrb5.so.3', 'libkrb5.so.0');
      project = await emptyProject();
      said = await install(project, folder);
    });

    it('installs, and does not compile', () => {
      assert.match(said, /libkrb5\.so\.0: cannot open .*Install libkrb5-3 or krb5-libs/);
      assert(!isCompiled(project));
    });

    it('fails to load with one error, which names the library and its package', async () => {
      const { stderr } = await failure(runFile(project, ['node'], 'p.cjs', PROGRAM));
      assert.match(
        stderr,
        /libkrb5\.so\.0: cannot open .*\n.*Install libkrb5-3 \(Debian, Ubuntu\)/,
      );
      assert.doesNotMatch(stderr, /compiler|Python/);
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
