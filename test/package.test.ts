// kpass as its users get it: packed, installed into a project that has nothing else, compiled there.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Realm } from 'kpass/testing';
import { SERVICE } from './support/subject';

const execute = promisify(execFile);
const PACKAGE = join(__dirname, '..');
const TSC = join(PACKAGE, 'node_modules', '.bin', 'tsc');

describe('the package', function () {
  this.timeout(300_000);

  let folder: string;
  let project: string;
  let tarball: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kpass-package-'));
    project = join(folder, 'project');
    await mkdir(project);
    // Packed without its scripts: what is built has been built.
    const { stdout } = await npm(PACKAGE, 'pack', '--ignore-scripts', '--pack-destination', folder);
    tarball = join(folder, stdout.trim().split('\n').at(-1) ?? '');
    await writeFile(join(project, 'package.json'), '{ "name": "project", "private": true }');
    await npm(project, 'install', '--no-audit', '--no-fund', '--prefer-offline', tarball);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  function npm(cwd: string, ...args: string[]) {
    // node-gyp would download Node's headers: not where Node's own installation has them.
    const prefix = dirname(dirname(process.execPath));
    const env = {
      ...(existsSync(join(prefix, 'include', 'node', 'node_api.h')) && {
        npm_package_config_node_gyp_nodedir: prefix,
      }),
      ...process.env,
    };
    return execute('npm', args, { cwd, env });
  }

  it('holds what runs and what builds it, and nothing else', async () => {
    const { stdout } = await execute('tar', ['-tzf', tarball]);
    const files = stdout.trim().split('\n');
    for (const needed of [
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'binding.gyp',
      'dist/cli/index.js',
      'dist/index.d.ts',
      'dist/index.js',
      'dist/http/index.js',
      'dist/testing/index.js',
      'native/conf/first.conf',
      'native/conf/last.conf',
      'native/verify.cc',
    ]) {
      assert(files.includes(`package/${needed}`), needed);
    }
    const strangers = files.filter(
      (file) =>
        !/^package\/(dist|native|prebuilds)\/|^package\/[A-Z]+(\.md)?$/.test(file) &&
        !['package/package.json', 'package/binding.gyp'].includes(file),
    );
    assert.deepEqual(strangers, []);
    assert(!files.some((file) => /native\/(test|fuzz)|\.test\.|\.keytab/.test(file)));
  });

  it('brings two packages with it', async () => {
    const { stdout } = await npm(project, 'ls', '--all', '--parseable');
    const names = stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((path) => path.split('node_modules/')[1]);
    assert.deepEqual(names.sort(), ['kpass', 'node-addon-api', 'node-gyp-build']);
  });

  it('verifies a password there, by import and by require', async () => {
    const realm = await Realm.start({ users: { alice: 'wonderland' } });
    try {
      const env = { ...process.env, KRB5_CONFIG: realm.config, KEYTAB: realm.keytab(SERVICE) };
      const call = "await kpass('alice', 'wonderland', 'HTTP', 'localhost', process.env.KEYTAB)";
      const programs = {
        'esm.mjs': `import { kpass } from 'kpass'; console.log(${call});`,
        'cjs.cjs': `const { kpass } = require('kpass'); (async () => console.log(${call}))();`,
      };
      for (const [name, source] of Object.entries(programs)) {
        await writeFile(join(project, name), source);
        const { stdout } = await execute(process.execPath, [name], { cwd: project, env });
        assert.equal(stdout, 'true\n', name);
      }
    } finally {
      await realm.stop();
    }
  });

  it('brings the command kpass', async () => {
    const kpass = join(project, 'node_modules', '.bin', 'kpass');
    const { version } = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8'));
    assert.equal((await execute(kpass, ['--version'])).stdout, `${version}\n`);
    const doctor = execute(kpass, ['doctor', '--json', '-c', '/nonexistent/krb5.conf']);
    const { stdout } = await doctor.catch((error: { stdout: string }) => error);
    const [library, config] = JSON.parse(stdout).links;
    assert.deepEqual([library.status, config.status], ['ok', 'broken']);
  });

  it('has types that hold for its users', async () => {
    await writeFile(
      join(project, 'types.ts'),
      `import { kpass, Verifier, KpassError, type KpassErrorCode, type KpassOptions,
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
         // @ts-expect-error: who is denied has no principal
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
       // @ts-expect-error: what is shown in the challenge is needed
       basicAuth({ service: 'HTTP' });
       auth.close();`,
    );
    const common = ['--noEmit', '--strict', '--target', 'es2022', '--exactOptionalPropertyTypes'];
    const types = ['--typeRoots', join(PACKAGE, 'node_modules', '@types'), '--types', 'node'];
    for (const resolution of [
      ['--module', 'nodenext'],
      ['--module', 'esnext', '--moduleResolution', 'bundler'],
    ]) {
      await execute(TSC, [...common, ...types, ...resolution, 'types.ts'], { cwd: project }).catch(
        (error: { stdout: string }) => assert.fail(`${resolution.join(' ')}\n${error.stdout}`),
      );
    }
  });
});
