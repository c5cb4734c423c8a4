// The commands that kpass prints for its user to type: each must work in the user's shell.

import { equal, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { COMMAND } from '../support/command';

const PACKAGE = resolve(__dirname, '../..');

describe('a command that kpass prints', () => {
  let project: string;
  before(async () => {
    project = await realpath(await mkdtemp(join(tmpdir(), 'kpass-invocation-')));
    await writeFile(join(project, 'package.json'), '{"name": "project", "private": true}');
    await install(project);
  });
  after(() => rm(project, { recursive: true, force: true }));

  /** Installs kpass as npm does, with a link to the package in place of a copy. */
  async function install(folder: string): Promise<void> {
    await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
    await symlink(PACKAGE, join(folder, 'node_modules/kpass'));
    // npm links the file, and makes it executable. A file of our own leaves that of the build alone.
    await writeFile(
      join(folder, 'node_modules/.bin/kpass'),
      "#!/usr/bin/env node\nrequire('../kpass/dist/cli/index.js');\n",
      { mode: 0o755 },
    );
  }

  /** The words before a verb in the hint for wrong usage. */
  async function printed(
    file: string,
    { agent, cwd = project }: { agent?: string | undefined; cwd?: string } = {},
  ): Promise<string | undefined> {
    const env: NodeJS.ProcessEnv = { ...process.env, npm_config_user_agent: agent };
    if (agent === undefined) delete env.npm_config_user_agent;
    return hintIn(await stderrOf(process.execPath, [file, 'check'], { cwd, env }));
  }

  const hintIn = (stderr: string) => /^Try: (.*) check --help$/m.exec(stderr)?.[1];

  function stderrOf(program: string, args: string[], options: object): Promise<string> {
    return new Promise((done) => {
      const child = execFile(program, args, options, (_, __, stderr) => done(stderr));
      child.stdin?.end('x'); // a password
    });
  }

  const npm = 'npm/11.0.0 node/v20.20.2 linux x64 workspaces/false';

  it('is kpass for a global installation, also under npm', async () => {
    equal(await printed(COMMAND), 'kpass');
    equal(await printed(COMMAND, { agent: npm }), 'kpass');
  });

  it('is npx kpass for a local installation, in the project and in a folder of it', async () => {
    const file = join(project, 'node_modules/.bin/kpass');
    const inside = join(project, 'src');
    await mkdir(inside);
    for (const agent of [undefined, npm]) {
      equal(await printed(file, { agent }), 'npx kpass');
      equal(await printed(file, { agent, cwd: inside }), 'npx kpass');
    }
  });

  it('is what npx itself runs', async () => {
    const args = ['--offline', 'kpass', 'check'];
    const stderr = await stderrOf('npx', args, { cwd: project });
    equal(hintIn(stderr), 'npx kpass', stderr);
  });

  it('is the one of the package manager that started it', async () => {
    const file = join(project, 'node_modules/kpass/dist/cli/index.js');
    equal(await printed(file, { agent: 'pnpm/9.1.0 npm/? node/v20' }), 'pnpm exec kpass');
    equal(await printed(file, { agent: 'yarn/1.22.22 npm/? node/v20' }), 'yarn kpass');
    equal(await printed(file, { agent: 'bun/1.1.0 npm/? node/v20' }), 'bunx kpass');
  });

  it('is dlx for a package that was fetched for one run', async () => {
    const cache = join(project, 'cache/dlx-1234');
    await install(cache);
    const file = join(cache, 'node_modules/kpass/dist/cli/index.js');
    equal(await printed(file, { agent: 'pnpm/9.1.0 npm/? node/v20' }), 'pnpm dlx kpass');
    equal(await printed(file, { agent: 'yarn/4.1.0 npm/? node/v20' }), 'yarn dlx kpass');
  });

  it('is kpass for a global installation of pnpm, whose file is in node_modules', async () => {
    const file = join(project, 'node_modules/kpass/dist/cli/index.js');
    equal(await printed(file, { cwd: tmpdir() }), 'kpass');
  });

  it('is node with the file in a clone', async () => {
    const file = join(PACKAGE, 'dist/cli/index.js');
    equal(await printed(file, { cwd: PACKAGE }), 'node dist/cli/index.js');
    equal(await printed(file, { cwd: project }), `node ${file}`);
  });

  it('is in the lines of check and doctor too', async () => {
    const file = join(project, 'node_modules/.bin/kpass');
    const options = { cwd: project };
    match(
      await stderrOf(
        process.execPath,
        [file, 'check', 'a', '-c', '/nowhere', '--password-stdin'],
        options,
      ),
      /^ {2}npx kpass doctor -c \/nowhere$/m,
    );
  });
});
