// Compiles and links the addon: one call of the compiler for each source, and one for the addon.

import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { PACKAGE } from '../../package-folder.js';
import { FLAGS, SYSTEM } from './flags.js';
import { run } from './run.js';
import type { Tools } from './tools.js';

const NATIVE = join(PACKAGE, 'native');

/** The headers of Node-API and node-addon-api. scripts/pack copies them; a clone does not have them. */
export const HEADERS = join(PACKAGE, 'include');

/** Every source in these folders belongs to the addon. */
const LAYERS = ['base', 'net', 'kerberos', 'node'];

/** Makes the addon `made`, with its objects in the folder. */
export async function compile(
  { compiler, ...kerberos }: Tools,
  folder: string,
  made: string,
  signal: AbortSignal,
): Promise<void> {
  const flags = [
    ...FLAGS.defines.map((define) => `-D${define}`),
    `-I${NATIVE}`,
    ...['-isystem', HEADERS],
    ...FLAGS.compile,
    ...FLAGS[SYSTEM].compile,
    `-ffile-prefix-map=${PACKAGE}=.`,
    ...kerberos.compile,
    ...added('CXXFLAGS'),
  ];
  const sources = LAYERS.flatMap((layer) =>
    readdirSync(join(NATIVE, layer))
      .filter((name) => name.endsWith('.cc'))
      .sort()
      .map((name) => join(NATIVE, layer, name)),
  );
  const objects = sources.map((source) => join(folder, `${basename(source, '.cc')}.o`));
  const commands = sources.map((source, i) => [...flags, '-c', source, '-o', objects[i] ?? '']);
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (let next = commands.shift(); next; next = commands.shift()) {
        await succeed([...compiler, ...next], signal);
      }
    }),
  );
  const link = [
    SYSTEM === 'darwin' ? '-bundle' : '-shared',
    '-pthread',
    ...FLAGS[SYSTEM].link,
    ...added('LDFLAGS'),
    ...['-o', made],
    ...objects,
    ...kerberos.link,
    ...FLAGS.libraries,
  ];
  await succeed([...compiler, ...link], signal);
}

/** Flags from the environment, as other builds take them. */
const added = (name: string) => process.env[name]?.split(/\s+/).filter(Boolean) ?? [];

async function succeed(command: string[], signal: AbortSignal): Promise<void> {
  const { ok, stderr } = await run(command, { signal });
  if (!ok) throw new Error(`the compiler failed: ${command.join(' ')}\n${stderr.trim()}`);
}
