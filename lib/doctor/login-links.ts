// The links that every login needs, for programs that ask again and again.

import { Chain, type Link } from '../cli/doctor/chain.js';
import { walkToKey } from '../cli/doctor/walk.js';
import type { Settings } from '../settings.js';

/** Up to the service's key: without the armor, and without what only browsers need. */
export async function lookAtLogin(settings: Settings): Promise<Link[]> {
  const chain = new Chain({ onStart() {}, onLink: (link) => delete link.trace });
  await walkToKey(chain, settings);
  return chain.links;
}
