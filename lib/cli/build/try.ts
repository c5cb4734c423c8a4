// Tries an addon in a process of its own: a broken one could end the process that loads it.

import { run } from './run.js';

/** Throws an Error if the addon does not load. */
export async function tryAddon(path: string): Promise<void> {
  const program = `try {
    if (typeof require(${JSON.stringify(path)}).submit !== 'function') throw Error('it is not kpass');
  } catch ({ message }) {
    console.error(message);
    process.exit(1);
  }`;
  const { ok, stderr } = await run([process.execPath, '-e', program]);
  if (!ok) throw new Error(`the compiled addon does not load: ${stderr.trim()}`);
}
