// kpass on macOS, tested on Linux. The addon, compiled for macOS, must link the right libraries.
// The realms of kpass/testing must work without /proc.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { type MachO, readMachO } from '../support/mach-o';

const execute = promisify(execFile);
const PACKAGE = join(__dirname, '../..');

/** Homebrew's libraries, by the paths in their headers. */
const KEG = '/opt/homebrew/opt/krb5/lib/';

describe('on macOS', () => {
  describe('the addon', function () {
    this.timeout(300_000);

    const built = new Map<string, MachO>();
    before(async () => {
      await execute(join(PACKAGE, 'scripts', 'platforms', 'build-macos'));
      for (const arch of ['arm64', 'x64']) {
        const path = join(PACKAGE, 'build-macos', arch, 'Release', 'kpass.node');
        built.set(arch, readMachO(await readFile(path)));
      }
    });

    it('compiles without a warning, for both processors', () => {
      for (const [arch, { processor, oldest, exports }] of built) {
        assert.deepEqual([processor, oldest], [arch, '13.0']);
        assert(exports.includes('napi_register_module_v1'));
      }
    });

    it('links Homebrew’s Kerberos, and not the system’s', () => {
      for (const { libraries, imports } of built.values()) {
        const kerberos = imports.filter(([symbol]) => /^(krb5|profile)_/.test(symbol));
        assert(kerberos.length > 50);
        assert.deepEqual(
          kerberos.filter(([, library]) => !library?.startsWith(KEG)),
          [],
        );
        assert.deepEqual(
          libraries.filter((path) => !path.startsWith(KEG)),
          ['/usr/lib/libresolv.9.dylib', '/usr/lib/libSystem.B.dylib'],
        );
      }
    });

    it('needs only symbols that exist, Node-API and C++', () => {
      for (const { imports } of built.values()) {
        const unknown = imports.filter(([, library]) => library === null);
        const strangers = unknown
          .map(([symbol]) => symbol)
          .filter((symbol) => !/^(napi_|_Z|__cxa_|__gxx_personality_v0$)/.test(symbol));
        assert.deepEqual(strangers, []);
      }
    });
  });

  describe('a realm', () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'kpass-macos-'));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    /** Runs a program that takes this system for macOS, with these scripts first in PATH. */
    async function run(program: string, scripts: Record<string, string>): Promise<string> {
      const bin = join(folder, 'bin');
      await mkdir(bin, { recursive: true });
      for (const [name, script] of Object.entries(scripts)) {
        await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
        await chmod(join(bin, name), 0o755);
      }
      const file = join(folder, 'program.cjs');
      await writeFile(
        file,
        `Object.defineProperty(process, 'platform', { value: 'darwin' });
         const { Realm } = require(${JSON.stringify(join(PACKAGE, 'dist', 'testing', 'index.js'))});
         (async () => { ${program} })();`,
      );
      const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
      return (await execute(process.execPath, [file], { env })).stdout;
    }

    /** Prints what ps prints on macOS, with the process's real state. */
    const PS = `sed 's/.*) \\(.\\).*/\\1s+/' "/proc/$4/stat"`;
    const netstat = (listeners: number) =>
      `echo 'Active Internet connections (including servers)'
       for number in $(seq ${listeners}); do
         echo "udp4       0      0  127.0.0.1.$KPASS_PORT        *.*"
       done`;

    it('can be paused and resumed, as ps shows', async () => {
      const printed = await run(
        `const realm = await Realm.start({ users: { alice: 'wonderland' } });
         await realm.pause();
         await realm.resume();
         await realm.stop();
         console.log('stopped');`,
        { ps: PS, netstat: netstat(0) },
      );
      assert.equal(printed, 'stopped\n');
    });

    it('takes no port that netstat shows as shared', async () => {
      const file = JSON.stringify(join(PACKAGE, 'dist', 'testing', 'port.js'));
      for (const [listeners, shared] of Object.entries({ 0: false, 1: false, 2: true })) {
        const printed = await run(
          `process.env.KPASS_PORT = '12345';
           const { isShared } = require(${file});
           console.log(await isShared(12345), await isShared(1234));`,
          { netstat: netstat(Number(listeners)) },
        );
        assert.equal(printed, `${shared} false\n`);
      }
    });
  });
});
