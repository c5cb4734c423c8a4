// How a person starts this command again: as it was started this time. A shell finds a global `kpass` by
// its PATH. It does not find a local one, in a node_modules folder: npx, pnpm, yarn and bunx do.

import { realpathSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';

/** The words before a verb: ['kpass'], or ['npx', 'kpass']. */
export function commandWords(): readonly string[] {
  const file = process.argv[1] ?? '';
  const agent = process.env.npm_config_user_agent?.split('/')[0] ?? '';
  const [project, isInstalled] = file.split(`${sep}node_modules${sep}`);
  if (isInstalled !== undefined) {
    // Neither: pnpm's global commands start a file in a node_modules folder elsewhere.
    const known = agent !== '' || isAbove(project ?? '', process.cwd());
    return known ? runner(agent, file) : ['kpass'];
  }
  if (basename(file) === 'kpass') return ['kpass'];
  // A clone. For another program, which uses a part of this command, a shell in its folder decides.
  return isThisCommand(file) ? ['node', fromHere(file)] : NPX;
}

const NPX = ['npx', 'kpass'];

function runner(agent: string, file: string): readonly string[] {
  const isTemporary = /[\\/]dlx[-\\/]/.test(file);
  switch (agent) {
    case 'pnpm':
      return ['pnpm', isTemporary ? 'dlx' : 'exec', 'kpass'];
    case 'yarn':
      return isTemporary ? ['yarn', 'dlx', 'kpass'] : ['yarn', 'kpass'];
    case 'bun':
      return ['bunx', 'kpass'];
    default:
      return NPX;
  }
}

const isAbove = (folder: string, path: string) => `${path}${sep}`.startsWith(`${folder}${sep}`);

function isThisCommand(file: string): boolean {
  try {
    return realpathSync(file) === join(__dirname, 'index.js');
  } catch {
    return false;
  }
}

/** The path from here, if the file is in a folder below. */
function fromHere(file: string): string {
  const path = relative(process.cwd(), file);
  return path.startsWith('..') ? file : path;
}
