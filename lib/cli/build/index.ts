// kpass build: compiles the addon for this system, and puts it where kpass loads it from.
//
// It needs a C++ compiler, pkg-config and the headers of MIT Kerberos. Node's headers are in the package.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PACKAGE } from '../../package-folder.js';
import { parse, UsageError } from '../usage.js';
import { compile, HEADERS } from './compile.js';
import { findTools } from './tools.js';
import { tryAddon } from './try.js';

const USAGE = `usage: kpass build

Compiles kpass' native addon for this system, where the package has no binary for it.
kpass then loads the compiled addon, also where the package has a binary. Nothing is
downloaded.

It needs a C++ compiler, pkg-config and the headers of MIT Kerberos. If one of them is
missing, kpass build names the packages to install.

  -h, --help           show this help

Environment: CXX names another compiler, PKG_CONFIG another pkg-config, and CXXFLAGS
and LDFLAGS are added to the flags.

Exit codes: 0 the addon is compiled, and it loads; 2 otherwise.
`;

/** Where lib/addon.ts looks first. */
const ADDON = join(PACKAGE, 'build', 'Release', 'kpass.node');

export async function build(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, { help: { type: 'boolean', short: 'h' } });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`unexpected words: ${positionals.join(' ')}`);
  if (!existsSync(HEADERS)) {
    throw new Error(`${PACKAGE} is a clone of kpass: in that folder, run: npm run build`);
  }
  const begun = performance.now();
  const tools = await findTools();
  await inTemporaryFolder(async (folder, signal) => {
    const made = join(folder, 'kpass.node');
    process.stdout.write(`compiling kpass with ${tools.compiler.join(' ')}\n`);
    await compile(tools, folder, made, signal);
    await tryAddon(made);
    mkdirSync(join(PACKAGE, 'build', 'Release'), { recursive: true });
    renameSync(made, ADDON); // At once: another process may load the old one meanwhile.
  });
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  process.stdout.write(`compiled ${relative(process.cwd(), ADDON)} in ${seconds} s; it loads\n`);
  return 0;
}

/**
 * Runs a task with a folder on the file system of the addon. The folder is removed when the task ends, or
 * when a signal ends the process.
 */
async function inTemporaryFolder(
  task: (folder: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const folder = temporaryFolder();
  const abort = new AbortController();
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const stop = (signal: NodeJS.Signals) => {
    abort.abort();
    remove();
    process.removeListener(signal, stop);
    process.kill(process.pid, signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    await task(folder, abort.signal);
  } finally {
    for (const signal of signals) process.removeListener(signal, stop);
    remove();
  }
}

function temporaryFolder(): string {
  try {
    return mkdtempSync(join(PACKAGE, 'build-'));
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(
      `kpass cannot write to its folder: ${message}\n` +
        'Run kpass build as the user who installed kpass, before the folder is read-only.',
      { cause },
    );
  }
}
