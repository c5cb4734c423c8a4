// If kpass cannot run, loading it throws an error that says what is missing and what to do.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BuildOptions, build } from 'esbuild';

const execute = promisify(execFile);
const PACKAGE = join(__dirname, '../..');

async function load(program: string, folder = PACKAGE, flags: string[] = []): Promise<string> {
  const run = execute(process.execPath, [...flags, '-e', program], { cwd: folder });
  const { stderr } = await run.catch((error: { stderr: string }) => error);
  return stderr;
}

describe('loading', () => {
  let folder: string;
  before(async () => {
    // The package as it is installed, but without its addon.
    folder = await mkdtemp(join(tmpdir(), 'kpass-load-'));
    for (const part of ['package.json', 'dist', 'native/conf']) {
      await cp(join(PACKAGE, part), join(folder, part), { recursive: true });
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('fails on another system, and names the supported ones', async () => {
    const stderr = await load(
      "Object.defineProperty(process, 'platform', { value: 'win32' }); require('kpass')",
    );
    assert.match(stderr, /kpass runs on Linux and macOS only; this is win32/);
  });

  it('fails without an addon, and says how to build it', async () => {
    const stderr = await load("require('./dist/index.js')", folder);
    assert.match(
      stderr,
      /cannot load its native addon.*: the package has no binary for this system/,
    );
    assert.match(stderr, /To compile kpass on this system, run: npx kpass build/);
  });

  it('fails with an addon that does not load, and gives the reason', async () => {
    const build = join(folder, 'build', 'Release');
    await cp(join(PACKAGE, 'package.json'), join(build, 'kpass.node'));
    const stderr = await load("require('./dist/index.js')", folder);
    assert.match(stderr, /cannot load its native addon[\s\S]*kpass\.node/);
  });

  it('fails without libkrb5, and names its packages', async () => {
    const stub = join(folder, 'stub.cjs');
    await writeFile(
      stub,
      `require('node:module')._extensions['.node'] = () => {
         throw new Error('libkrb5.so.3: cannot open shared object file: No such file or directory');
       };`,
    );
    const stderr = await load(`require('${stub}'); require('./dist/index.js')`, folder);
    assert.match(stderr, /Install libkrb5-3 \(Debian, Ubuntu\), krb5-libs \(Fedora/);
  });

  // Node.js 20 and 22 have the permission model as an experiment.
  const isStable = process.allowedNodeEnvironmentFlags.has('--permission');
  const permission = isStable ? '--permission' : '--experimental-permission';
  for (const flags of [[permission, '--allow-fs-read=*'], ['--no-addons']]) {
    it(`fails with ${flags[0]}, and names the flag of Node.js`, async () => {
      const stderr = await load("require('kpass')", PACKAGE, flags);
      assert.match(stderr, /cannot load its native addon.*addons is disabled/);
      assert.match(stderr, /start it with --allow-addons too\. Do not start it with --no-addons/);
      assert.doesNotMatch(stderr, /kpass build/);
    });
  }

  const bundleOf = (entry: string): BuildOptions => ({
    stdin: { contents: `import * as all from '${entry}'; console.log(all);`, resolveDir: PACKAGE },
    bundle: true,
    platform: 'node',
    logLevel: 'silent',
  });

  it('cannot be bundled by esbuild’s defaults, which say why', async () => {
    const bundling = build({ ...bundleOf('kpass'), write: false });
    await assert.rejects(bundling, /No loader is configured for "\.node" files: .*kpass\.node/);
  });

  for (const entry of ['kpass', 'kpass/http']) {
    for (const format of ['cjs', 'esm'] as const) {
      it(`fails inside a bundle (${format}, ${entry}), and says to leave kpass outside`, async () => {
        const bundle = await mkdtemp(join(tmpdir(), 'kpass-bundle-'));
        try {
          const outfile = join(bundle, format === 'cjs' ? 'program.cjs' : 'program.mjs');
          await build({ ...bundleOf(entry), format, outfile, loader: { '.node': 'copy' } });
          const { stderr } = await execute(process.execPath, [outfile]).catch((error) => error);
          assert.match(stderr, /leave kpass outside: --external:kpass/i);
          assert.match(stderr, /serverExternalPackages: \['kpass'\]/);
          assert.doesNotMatch(stderr, /kpass build/);
        } finally {
          await rm(bundle, { recursive: true, force: true });
        }
      });
    }
  }

  it('works without the package’s fragments of krb5.conf, but no password is verified', async () => {
    const bare = await mkdtemp(join(tmpdir(), 'kpass-bare-'));
    try {
      for (const part of ['package.json', 'dist', 'build/Release/kpass.node']) {
        await cp(join(PACKAGE, part), join(bare, part), { recursive: true });
      }
      const { stdout } = await execute(
        process.execPath,
        [
          '-e',
          `require('./dist/index.js').kpass('alice', 'x', 'HTTP', 'localhost')
             .catch((error) => console.log(error.code, error.message))`,
        ],
        { cwd: bare },
      );
      assert.match(stdout, /^ERR_KPASS_CONFIG .*first\.conf/);
    } finally {
      await rm(bare, { recursive: true, force: true });
    }
  });
});
