// All links with their needs, in the order in which people meet the faults.

import { printable } from '../../errors.js';
import type { Settings } from '../../settings.js';
import type { VerifierOptions } from '../../verifier.js';
import { lookAtArmor } from './armor.js';
import { lookAtBrowser } from './browser.js';
import type { Chain, Visited } from './chain.js';
import { lookAtClock } from './clock.js';
import { lookAtConfig, lookAtLibrary, lookAtRealm } from './configuration.js';
import { lookAtHeaders } from './headers.js';
import { lookAtHost } from './host.js';
import { lookForKdcs } from './kdc-names.js';
import { lookAtKdcs } from './kdcs.js';
import { lookAtKey } from './key.js';
import { lookAtKeytab } from './keytab.js';
import type { Krb5 } from './krb5.js';
import { lookAtTicket, lookAtUser, type User } from './user.js';

/** The links that every login needs, up to the service's key. */
export async function walkToKey(chain: Chain, settings: Settings): Promise<void> {
  const library = await chain.look('libkrb5', 'loading libkrb5', [], () => lookAtLibrary(settings));
  try {
    await lookToKey(library, chain, settings, false);
  } finally {
    library.facts?.close();
  }
}

export async function walk(
  chain: Chain,
  options: VerifierOptions,
  settings: Settings,
  user: User | null,
): Promise<void> {
  const library = await chain.look('libkrb5', 'loading libkrb5', [], () => lookAtLibrary(settings));
  try {
    await walkFrom(library, chain, options, settings, user);
  } finally {
    library.facts?.close();
  }
}

async function lookToKey(
  library: Visited<Krb5>,
  chain: Chain,
  settings: Settings,
  userFollows: boolean,
) {
  const config = await chain.look('krb5.conf', 'reading krb5.conf', [library], (krb5) =>
    lookAtConfig(krb5, settings),
  );
  const realm = await chain.look('realm', 'naming the service', [library, config], (krb5) =>
    lookAtRealm(krb5, settings),
  );
  const names = await chain.look(
    'KDC names',
    'looking for KDCs',
    [library, realm],
    (krb5, naming) => lookForKdcs(krb5, settings, naming),
  );
  const kdcs = await chain.look(
    'KDCs',
    'asking the KDCs',
    [library, realm, names],
    (krb5, naming, list) => lookAtKdcs(krb5, settings, naming, list),
  );
  const clock = await chain.look('clock', 'comparing clocks', [library, kdcs], (krb5, list) =>
    lookAtClock(krb5, list),
  );
  const keytab = await chain.look(
    'keytab',
    'reading the keytab',
    [library, realm],
    (krb5, naming) => lookAtKeytab(krb5, settings, naming, kdcs.facts?.kind ?? null),
  );
  const key = await chain.look(
    'key',
    'logging in with the keytab',
    [library, realm, keytab, kdcs, clock],
    (krb5, naming, keys, facts) =>
      lookAtKey({ krb5, settings, naming, keytab: keys, kdcs: facts, userFollows }),
  );
  return { realm, kdcs, clock, keytab, key };
}

async function walkFrom(
  library: Visited<Krb5>,
  chain: Chain,
  options: VerifierOptions,
  settings: Settings,
  user: User | null,
): Promise<void> {
  const { realm, kdcs, clock, keytab, key } = await lookToKey(
    library,
    chain,
    settings,
    user !== null,
  );
  await chain.look(
    'armor',
    'getting armor for logins',
    [library, keytab, kdcs, clock, key],
    (krb5, _keys, { kind }) => lookAtArmor(krb5, settings, kind),
  );
  await chain.look('host', 'looking the host up', [library, realm], lookAtHost);
  if (settings.service === 'HTTP') {
    const kind = kdcs.facts?.kind ?? null;
    const before = { keytab: keytab.facts, kind, canLogIn: key.facts !== null };
    await chain.look('browser', 'following aliases', [library, realm], (krb5, naming) =>
      lookAtBrowser(krb5, naming, before),
    );
    await chain.look('headers', '', [library, realm], () => lookAtHeaders(kind));
  }
  if (user === null) return;
  const login = await chain.look(
    'user',
    `logging ${printable(user.name)} in`,
    [realm, key],
    (naming) =>
      lookAtUser(
        { options, settings, naming, kind: kdcs.facts?.kind ?? null, keytab: keytab.facts },
        user,
      ),
  );
  await chain.look('ticket', '', [login], lookAtTicket);
}
