// `kpass build` compiles with a compiler, pkg-config and MIT Kerberos' headers alone. If it fails, it
// changes nothing.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { installation, words } from '../../lib/cli/build/tools';
import {
  bareEnvironment,
  copyingCompiler,
  emptyFolder,
  emptyProject,
  install,
  PACKING,
  PROGRAM,
  runFile,
  script,
  tarball,
  unpacked,
} from '../support/packed';
import { SERVICE } from '../support/subject';

const execute = promisify(execFile);

/** What `make`, Python and node-gyp would need is not here. g++ starts the other three by itself. */
const NEEDED = ['g++', 'as', 'ld', 'pkg-config'];

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

describe('kpass build', function () {
  this.timeout(300_000);

  let realm: Realm;
  let users: NodeJS.ProcessEnv;
  let kpass: string;
  const addon = () => join(kpass, 'build', 'Release', 'kpass.node');
  before(async function () {
    this.timeout(PACKING);
    realm = await Realm.start({ users: { alice: 'wonderland' } });
    users = { KRB5_CONFIG: realm.config, KEYTAB: realm.keytab(SERVICE) };
    await tarball();
  });
  after(() => realm.stop());

  /** A package of its own for each test. */
  beforeEach(async () => {
    kpass = await unpacked();
  });

  async function build(env: NodeJS.ProcessEnv): Promise<Ran> {
    const command = join(kpass, 'dist', 'cli', 'index.js');
    const run = execute(process.execPath, [command, 'build'], { env: { ...process.env, ...env } });
    return run.then((ran) => ({ code: 0, ...ran })).catch((failure: Ran) => failure);
  }

  it('compiles in a folder of any name, with nothing but what it names', async () => {
    const project = await emptyProject();
    await install(project, await tarball());
    const odd = join(await emptyFolder(), 'my prö ject ü');
    await rename(project, odd);
    const env = { ...(await bareEnvironment(process.execPath, NEEDED)), ...users };
    const { stdout } = await execute('npm', ['exec', 'kpass', 'build'], { cwd: odd, env });
    assert.match(
      stdout,
      /^compiling kpass with g\+\+\ncompiled node_modules\/kpass\/build\/Release\/kpass\.node in /,
    );
    const answer = await runFile(odd, ['node'], 'program.cjs', PROGRAM, env);
    assert.equal(answer, 'true build/Release/kpass.node\n');

    // As the binary that ships: no path of this machine, the same libraries, the same exports.
    const built = join(odd, 'node_modules', 'kpass', 'build', 'Release', 'kpass.node');
    assert(!readFileSync(built).includes('prö ject'));
    const shipped = join(
      odd,
      'node_modules',
      'kpass',
      'prebuilds',
      `linux-${process.arch}`,
      'kpass.glibc.node',
    );
    assert.deepEqual(await facts(built), await facts(shipped));
    assert.deepEqual(readdirSync(join(odd, 'node_modules', 'kpass', 'build')), ['Release']);
  });

  describe('names what is missing, and the packages of this system, and leaves nothing behind:', () => {
    for (const [what, missing, make] of [
      [
        'a compiler',
        'a C++ compiler',
        async () => ({ PATH: (await bareEnvironment(process.execPath, ['pkg-config'])).PATH }),
      ],
      [
        'pkg-config',
        "pkg-config, MIT Kerberos' headers",
        async () => ({ PATH: (await bareEnvironment(process.execPath, ['g++', 'as', 'ld'])).PATH }),
      ],
      ['the headers', "MIT Kerberos' headers", async () => ({ PKG_CONFIG_LIBDIR: '/nowhere' })],
      [
        'all three',
        "a C++ compiler, pkg-config, MIT Kerberos' headers",
        async () => ({ PATH: (await bareEnvironment(process.execPath)).PATH }),
      ],
    ] as const) {
      it(what, async () => {
        const before = readdirSync(kpass).sort();
        const { code, stdout, stderr } = await build(await make());
        assert.deepEqual([code, stdout], [2, '']);
        const install = installation(readFileSync('/etc/os-release', 'utf8'));
        assert.equal(
          stderr,
          `kpass: to compile kpass, this system lacks ${missing}\nTo install what is needed: ${install}\n`,
        );
        assert.deepEqual(readdirSync(kpass).sort(), before);
      });
    }
  });

  it('says which header is missing, if pkg-config does not know', async () => {
    const empty = await script('pkg-config', 'exit 0');
    const fault = await script(
      'g++',
      'case $* in *-fsyntax-only*) echo "<stdin>:1:10: fatal error: krb5.h: No such file" >&2; exit 1;; esac',
    );
    const { stderr } = await build({ PKG_CONFIG: empty, CXX: fault });
    assert.match(stderr, /lacks usable headers: .*fatal error: krb5\.h: No such file\nTo install/);
  });

  describe('keeps the old addon, and leaves nothing behind,', () => {
    let before: string[];
    beforeEach(() => {
      mkdirSync(join(kpass, 'build', 'Release'), { recursive: true });
      cpSync(join(__dirname, '../../build/Release/kpass.node'), addon());
      before = readdirSync(kpass).sort();
    });
    afterEach(() => {
      assert.deepEqual(readdirSync(kpass).sort(), before);
      assert.deepEqual(readdirSync(join(kpass, 'build', 'Release')), ['kpass.node']);
      assert.deepEqual(
        readFileSync(addon()),
        readFileSync(join(__dirname, '../../build/Release/kpass.node')),
      );
    });

    it('if the compiler fails', async () => {
      const CXX = await script(
        'g++',
        'case $* in *-c*addon.cc*) echo "addon.cc: error: no" >&2; exit 1;; esac',
      );
      const { code, stderr } = await build({ CXX });
      assert.equal(code, 2);
      assert.match(stderr, /^kpass: the compiler failed: .*addon\.cc.*\naddon\.cc: error: no\n$/);
    });

    it('if the new addon does not load', async () => {
      const copying = await copyingCompiler();
      const CXX = await script(
        'g++',
        `${copying} "$@"; case $* in *-shared*) for made; do case $made in */kpass.node) echo broken >"$made";; esac; done;; esac`,
      );
      const { code, stderr } = await build({ CXX });
      assert.equal(code, 2);
      assert.match(
        stderr,
        /^kpass: the compiled addon does not load: .*kpass\.node: file too short\n$/,
      );
    });

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`after ${signal}`, async () => {
        const CXX = await script('g++', 'case $* in *-c*) exec sleep 60;; esac');
        const child = spawn(process.execPath, [join(kpass, 'dist', 'cli', 'index.js'), 'build'], {
          env: { ...process.env, CXX },
        });
        await once(child.stdout, 'data'); // "compiling"
        child.kill(signal);
        const [code, killer] = await once(child, 'close');
        assert.deepEqual([code, killer], [null, signal]);
      });
    }
  });

  it('says so where it cannot write', async () => {
    await execute('chmod', ['755', join(kpass, '..'), join(kpass, '../..')]);
    const { stderr } = await execute(
      process.execPath,
      [join(kpass, 'dist', 'cli', 'index.js'), 'build'],
      { uid: 65534, gid: 65534, env: { PATH: process.env.PATH } },
    ).catch((failure: Ran) => failure);
    assert.match(
      stderr,
      /^kpass: kpass cannot write to its folder: EACCES.*\nRun kpass build as the user who/,
    );
  });

  describe('on macOS', () => {
    it('looks for Homebrew’s Kerberos, and links a bundle with the usual compiler', async () => {
      const log = join(await emptyFolder(), 'log');
      const compiler = await script(
        'c++',
        `printf '%s ' "$@" >>'${log}'; echo >>'${log}'; ${await copyingCompiler()} "$@"`,
      );
      const pkgConfig = await script(
        'pkg-config',
        `echo "PKG_CONFIG_PATH=$PKG_CONFIG_PATH" >>'${log}'; echo -l$1`,
      );
      const preload = await script('preload.cjs', '');
      await writeFile(preload, "Object.defineProperty(process, 'platform', { value: 'darwin' });");
      const { code } = await build({
        PATH: [join(compiler, '..'), join(pkgConfig, '..'), process.env.PATH].join(delimiter),
        PKG_CONFIG_PATH: '/mine',
        NODE_OPTIONS: `--require=${preload}`,
      });
      const said = readFileSync(log, 'utf8');
      assert.equal(code, 0, said);
      const path = '/mine:/opt/homebrew/opt/krb5/lib/pkgconfig:/usr/local/opt/krb5/lib/pkgconfig';
      assert(said.includes(`PKG_CONFIG_PATH=${path}\n`), said);
      assert.match(
        said,
        /^-bundle .*-undefined dynamic_lookup .*kpass\.node .*-l--libs -lresolv $/m,
      );
      assert.doesNotMatch(said, /-Wl,-z/);
    });
  });

  it('names the packages of each system', () => {
    for (const [release, command] of Object.entries({
      'ID=debian': 'apt install g++ pkg-config libkrb5-dev',
      'ID=linuxmint\nID_LIKE="ubuntu debian"': 'apt install g++ pkg-config libkrb5-dev',
      'ID="rocky"\nID_LIKE="rhel centos fedora"':
        'dnf install gcc-c++ pkgconf-pkg-config krb5-devel',
      'NAME="Alpine Linux"\nID=alpine': 'apk add g++ pkgconf krb5-dev',
      'ID=arch': 'pacman -S gcc pkgconf krb5',
      'ID="opensuse-leap"\nID_LIKE="suse opensuse"':
        'zypper install gcc-c++ pkgconf-pkg-config krb5-devel',
      'ID=macos': 'xcode-select --install && brew install krb5 pkgconf',
    })) {
      assert.equal(installation(release), command, release);
    }
    assert.match(
      installation('ID=unheard-of'),
      /\n {2}debian: apt install .*\n {2}fedora: dnf install /,
    );
  });

  it('reads pkg-config’s output, also with blanks in it', () => {
    assert.deepEqual(words('-I/opt/my\\ krb5/include  -lkrb5\n'), [
      '-I/opt/my krb5/include',
      '-lkrb5',
    ]);
  });

  it('is not for a clone, and says what to run there', async () => {
    const command = join(__dirname, '../../dist/cli/index.js');
    const { stderr } = await execute(process.execPath, [command, 'build']).catch(
      (failure: Ran) => failure,
    );
    assert.match(stderr, /is a clone of kpass: in that folder, run: npm run build/);
    assert(existsSync(join(__dirname, '../../build/Release/kpass.node')));
  });
});

/** The libraries that an addon needs, and what it exports. */
async function facts(addon: string) {
  const { stdout } = await execute('readelf', ['-dW', '--dyn-syms', addon]);
  const needed = [...stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name).sort();
  const exports = [...stdout.matchAll(/ (?:GLOBAL|WEAK) +DEFAULT +\d+ (\S+)/g)].map(
    ([, name]) => name,
  );
  return { needed, exports: exports.filter((name) => !name?.startsWith('_Z')).sort() };
}
