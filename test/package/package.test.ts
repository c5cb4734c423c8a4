// kpass as its users get it: packed, and installed in a project without other packages.
// install.test.ts tests the installation.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { nodeFileTrace } from '@vercel/nft';
import { build } from 'esbuild';
import { Realm } from 'kpass/testing';
import {
  emptyFolder,
  emptyProject,
  install,
  PACKAGE,
  PACKING,
  pack,
  runFile,
  runtime,
  tarball,
} from '../support/packed';
import { SERVICE } from '../support/subject';

const execute = promisify(execFile);
const tool = (name: string) => join(PACKAGE, 'node_modules', '.bin', name);

const MANIFEST = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));

/** The names to import: 'kpass', 'kpass/http', and so on. */
const ENTRIES = Object.keys(MANIFEST.exports)
  .filter((path) => !path.endsWith('.json'))
  .map((path) => `kpass${path.slice(1)}`);

/** The largest size, in bytes. */
const MOST = 900_000;

/** Runs a program in the project. If the program fails, this fails with its output. */
async function succeed(cwd: string, program: string, ...args: string[]): Promise<string> {
  const run = execute(program, args, { cwd });
  const { stdout } = await run.catch(({ stdout, stderr }: { stdout: string; stderr: string }) =>
    assert.fail(`${args.join(' ')}\n${stdout}${stderr}`),
  );
  return stdout;
}

describe('the package', function () {
  this.timeout(120_000);

  let project: string;
  let packed: string;
  before(async function () {
    this.timeout(PACKING);
    packed = await tarball();
    project = await emptyProject();
    await install(project, packed);
  });

  it('contains only the files that run it and that build it', async () => {
    const { stdout } = await execute('tar', ['-tzf', packed]);
    const files = stdout.trim().split('\n');
    for (const needed of [
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'dist/cli/index.js',
      'dist/index.d.ts',
      'dist/index.js',
      'dist/http/index.js',
      'dist/testing/index.js',
      'dist/redis/index.js',
      'dist/doctor/index.js',
      'docs/architecture.md',
      'docs/http.md',
      'docs/login.svg',
      'docs/options.md',
      'include/LICENSE',
      'include/napi.h',
      'include/node_api.h',
      'native/conf/first.conf',
      'native/conf/last.conf',
      'native/flags.json',
      'native/kerberos/verification.cc',
      `prebuilds/linux-${process.arch}/kpass.glibc.node`,
      `prebuilds/linux-${process.arch}/kpass.musl.node`,
    ]) {
      assert(files.includes(`package/${needed}`), needed);
    }
    const strangers = files.filter(
      (file) =>
        !/^package\/(dist\/.*\.(js|d\.ts)|native\/.*\.(cc|h|conf)|[A-Z]+(\.md)?)$/.test(file) &&
        !/^package\/docs\/[a-z-]+\.(md|svg)$/.test(file) &&
        !/^package\/(package\.json|native\/flags\.json|include\/(\w+(-inl)?\.h|LICENSE))$/.test(
          file,
        ) &&
        !/^package\/prebuilds\/linux-(x64|arm64)\/kpass\.(glibc|musl)\.node$/.test(file),
    );
    assert.deepEqual(strangers, []);
    assert(!files.some((file) => /native\/(test|fuzz)|\.test\.|\.keytab/.test(file)));
    // A release also has the other processor's binaries, which are about as large.
    const others = ['glibc', 'musl'].map((libc) => {
      const binary = `node_modules/kpass/prebuilds/linux-${process.arch}/kpass.${libc}.node`;
      return gzipSync(readFileSync(join(project, binary))).length;
    });
    const size = others.reduce((sum, each) => sum + each, statSync(packed).size);
    assert(size < MOST, `${size} bytes`);
  });

  it('has nothing that a package manager would run or add: no script, no dependency', () => {
    const manifest = JSON.parse(
      readFileSync(join(project, 'node_modules/kpass/package.json'), 'utf8'),
    );
    for (const part of ['scripts', 'dependencies', 'optionalDependencies', 'peerDependencies']) {
      assert.equal(manifest[part], undefined, part);
    }
    // npm ci compiles what has a binding.gyp, whatever gypfile says.
    assert(!existsSync(join(project, 'node_modules/kpass/binding.gyp')));
    assert.equal(manifest.gypfile, false);
  });

  it('is the same, byte for byte, each time that it is packed', async () => {
    const before = createHash('sha256').update(readFileSync(packed)).digest('hex');
    const again = await pack(dirname(packed));
    assert.equal(createHash('sha256').update(readFileSync(again)).digest('hex'), before);
    await succeed(dirname(again), 'sha256sum', '--check', again.replace(/\.tgz$/, '.sha256'));
  });

  it('has this machine’s build as its binary if npm packs a clone, and the clone stays as it is', async () => {
    const clone = await emptyFolder();
    await succeed(PACKAGE, 'sh', '-c', `git ls-files -z | xargs -0 cp --parents -t '${clone}'`);
    symlinkSync(join(PACKAGE, 'node_modules'), join(clone, 'node_modules'));
    cpSync(join(PACKAGE, 'build/Release/kpass.node'), join(clone, 'build/Release/kpass.node'));
    const name = await succeed(clone, 'npm', 'pack', '--silent');
    const files = (await succeed(clone, 'tar', '-tzf', name.trim())).split('\n');
    const binaries = files.filter((file) => file.endsWith('.node'));
    assert.deepEqual(binaries, [`package/prebuilds/linux-${process.arch}/kpass.glibc.node`]);
    assert(files.includes('package/include/napi.h') && !files.includes('package/binding.gyp'));
    assert(!existsSync(join(clone, 'prebuilds')) && !existsSync(join(clone, 'include')));
  });

  it('comes with a bill of materials, of what is compiled in', () => {
    const bill = JSON.parse(readFileSync(packed.replace(/\.tgz$/, '.cdx.json'), 'utf8'));
    assert.equal(bill.bomFormat, 'CycloneDX');
    assert.equal(bill.metadata.component.purl, `pkg:npm/kpass@${MANIFEST.version}`);
    assert.deepEqual(
      bill.components.map(({ name }: { name: string }) => name),
      ['node-addon-api', 'node-api-headers', 'libc++'],
    );
  });

  it('passes publint and attw', async () => {
    await succeed(PACKAGE, tool('publint'), 'run', '--strict', packed);
    // This includes TypeScript's old resolution, which ignores "exports". package.json has
    // "typesVersions" for it.
    await succeed(PACKAGE, tool('attw'), packed, '--no-emoji');
  });

  it('is one package', async () => {
    const stdout = await succeed(project, 'npm', 'ls', '--all', '--parseable');
    const names = stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((path) => path.split('node_modules/')[1]);
    assert.deepEqual(names, ['kpass']);
  });

  describe('verifies a password', () => {
    const CALL = "await kpass('alice', 'wonderland', 'HTTP', 'localhost', process.env.KEYTAB)";
    const ESM = `import { kpass } from 'kpass'; console.log(${CALL});`;
    const CJS = `const { kpass } = require('kpass'); (async () => console.log(${CALL}))();`;

    let realm: Realm;
    let env: NodeJS.ProcessEnv;
    before(async () => {
      realm = await Realm.start({ users: { alice: 'wonderland' } });
      env = { ...process.env, KRB5_CONFIG: realm.config, KEYTAB: realm.keytab(SERVICE) };
    });
    after(() => realm.stop());

    it('by import and by require', async () => {
      for (const [name, source] of Object.entries({ 'esm.mjs': ESM, 'cjs.cjs': CJS })) {
        assert.equal(await runFile(project, [process.execPath], name, source, env), 'true\n', name);
      }
    });

    it("from esbuild's bundle of a program, with kpass outside the bundle", async () => {
      for (const [format, name] of Object.entries({ esm: 'bundle.mjs', cjs: 'bundle.cjs' })) {
        const { outputFiles } = await build({
          stdin: {
            contents: `import { kpass } from 'kpass'; (async () => console.log(${CALL}))();`,
            resolveDir: project,
          },
          bundle: true,
          platform: 'node',
          external: ['kpass'],
          format: format as 'esm' | 'cjs',
          write: false,
        });
        const source = outputFiles[0]?.text ?? '';
        assert.equal(await runFile(project, [process.execPath], name, source, env), 'true\n', name);
      }
    });

    it('from what @vercel/nft traces, as Next.js and others deploy it', async () => {
      await writeFile(join(project, 'traced.cjs'), CJS);
      const { fileList, warnings } = await nodeFileTrace([join(project, 'traced.cjs')], {
        base: project,
      });
      // A release has all four binaries; it never has an addon that was compiled elsewhere.
      const faults = [...warnings]
        .map(String)
        .filter((text) => !/kpass(\.\w+)?\.node":/.test(text));
      assert.deepEqual(faults, []);
      const files = [...fileList].map((file) => file.replace('node_modules/kpass/', ''));
      for (const needed of [
        'native/conf/first.conf',
        'native/conf/last.conf',
        `prebuilds/linux-${process.arch}/kpass.glibc.node`,
        `prebuilds/linux-${process.arch}/kpass.musl.node`,
      ]) {
        assert(files.includes(needed), `${needed} is not in ${files}`);
      }
      const deployed = await emptyProject();
      for (const file of fileList) cpSync(join(project, file), join(deployed, file));
      const { stdout } = await execute('node', ['traced.cjs'], { cwd: deployed, env });
      assert.equal(stdout, 'true\n');
    });

    it('from a bundle beside a copy of node_modules/kpass alone, as in a Lambda zip', async () => {
      const deployed = await emptyProject();
      const kpass = join('node_modules', 'kpass');
      cpSync(join(project, kpass), join(deployed, kpass), { recursive: true });
      assert.equal(await runFile(deployed, ['node'], 'cjs.cjs', CJS, env), 'true\n');
    });

    it('installed and run by Bun, which runs no install scripts', async () => {
      const bun = runtime('bun');
      const own = await emptyProject({ kpass: `file:${packed}` });
      await succeed(own, bun, 'install');
      for (const [name, source] of Object.entries({ 'esm.mjs': ESM, 'cjs.cjs': CJS })) {
        assert.equal(await runFile(own, [bun, 'run'], name, source, env), 'true\n', name);
      }
    });

    it('by Bun, with a realm of its own', async () => {
      const source = `
        const { Realm } = require('kpass/testing');
        const { kpass } = require('kpass');
        (async () => {
          const realm = await Realm.start({ users: { alice: 'wonderland' } });
          const keytab = realm.keytab('HTTP/localhost');
          const { config } = realm;
          console.log(await kpass('alice', 'wonderland', 'HTTP', 'localhost', keytab, { config }));
          console.log(await kpass('alice', 'underland', 'HTTP', 'localhost', keytab, { config }));
          await realm.stop();
        })();`;
      const command = [runtime('bun'), 'run'] as const;
      assert.equal(await runFile(project, command, 'realm.cjs', source), 'true\nfalse\n');
    });

    it('by Deno, with the permissions that docs/platforms.md names', async () => {
      const deno = [runtime('deno'), 'run', '--allow-ffi', '--allow-read', '--allow-env'] as const;
      for (const [name, source] of Object.entries({ 'esm.mjs': ESM, 'cjs.cjs': CJS })) {
        assert.equal(await runFile(project, deno, name, source, env), 'true\n', name);
      }
    });
  });

  it('installs the command kpass', async () => {
    const kpass = join(project, 'node_modules', '.bin', 'kpass');
    assert.equal(await succeed(project, kpass, '--version'), `${MANIFEST.version}\n`);
    const doctor = execute(kpass, ['doctor', '--json', '-c', '/nonexistent/krb5.conf']);
    const { stdout } = await doctor.catch((error: { stdout: string }) => error);
    const [library, config] = JSON.parse(stdout).links;
    assert.deepEqual([library.status, config.status], ['ok', 'broken']);
  });

  it('has correct types for its users', async () => {
    const source = `import { kpass, Verifier, KpassError, type KpassErrorCode, type KpassOptions,
         type Verdict, type VerifierOptions } from 'kpass';
       import { createServer, type IncomingMessage } from 'node:http';
       import { basicAuth, type BasicAuth, type BasicAuthOptions, type Identity } from 'kpass/http';
       import { Realm } from 'kpass/testing';
       export async function use(signal: AbortSignal): Promise<string> {
         const options: KpassOptions = { realms: ['A'], timeout: 5, config: ['/a'], signal };
         const ok: boolean = await kpass('a', new Uint8Array(), 'HTTP', null, null, options);
         const settings: VerifierOptions = { service: 'HTTP', host: null, keytab: '', queue: 0 };
         const verifier = new Verifier(settings);
         const verdict: Verdict = await verifier.verify('a', 'b', { signal, timeout: 5 });
         const { threads, active, stalled, queued, verified, denied, failed } = verifier.stats;
         const sum: number = threads + active + stalled + queued + verified + denied + failed;
         verifier.close();
         const realm: Realm = await Realm.start({ name: 'A', users: { a: 'b' }, services: ['c/d'] });
         await realm.addUser('c', 'd');
         const env: Record<string, string> = realm.env;
         try { await realm.stop(); } catch (error) {
           if (error instanceof KpassError) {
             const code: KpassErrorCode = error.code;
             const number: number | undefined = error.krb5Code;
             const name: string | undefined = error.krb5Name;
             return [code, error.step, number, name, error.reason].join();
           }
         }
         // @ts-expect-error: a keytab is no number
         void kpass('a', 'b', 'HTTP', 'host', 5);
         // @ts-expect-error: the service is needed
         void new Verifier({});
         if (verdict.verified) return verdict.principal + verdict.realm + ok + sum + env;
         // @ts-expect-error: a denial has no principal
         void verdict.principal;
         return verdict.reason;
       }
       const web: BasicAuthOptions = { service: 'HTTP', realm: 'x', cache: { ttl: 5 },
         throttle: { attempts: 3, window: 5 },
         secure: (request) => request.headers['x-forwarded-proto'] === 'https' };
       export const auth: BasicAuth = basicAuth(web);
       createServer((request, response) => auth(request, response, (_error?: unknown) => {
         const who: Identity | undefined = request.kpass;
         response.end(who && who.user + who.principal + who.realm);
       }));
       export const checked = (request: IncomingMessage): Promise<Identity | null> =>
         auth.check(request);
       // @ts-expect-error: the realm for the challenge is needed
       basicAuth({ service: 'HTTP' });
       auth.close();`;
    // The types must hold without skipLibCheck, and with no other types than Node's.
    const common = ['--noEmit', '--strict', '--target', 'es2022', '--exactOptionalPropertyTypes'];
    const types = ['--typeRoots', join(PACKAGE, 'node_modules', '@types'), '--types', 'node'];
    const entries = ENTRIES.map(
      (entry, i) => `import * as entry${i} from '${entry}'; void entry${i};`,
    );
    for (const name of ['types.mts', 'types.cts', 'types.ts']) {
      await writeFile(join(project, name), [...entries, source].join('\n'));
    }
    for (const resolution of [
      ['--module', 'node16', 'types.mts', 'types.cts'],
      ['--module', 'nodenext', 'types.mts', 'types.cts'],
      ['--module', 'esnext', '--moduleResolution', 'bundler', 'types.ts'],
      ['--module', 'commonjs', '--moduleResolution', 'bundler', 'types.ts'],
      ['--module', 'preserve', 'types.mts', 'types.cts'],
    ]) {
      await succeed(project, tool('tsc'), ...common, ...types, ...resolution);
    }
  });
});
