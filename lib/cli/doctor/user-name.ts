// Why kpass asks no KDC for a name as it was typed: kpass says only that the login is denied.

import { askedName, foldCase } from '../../names.js';
import type { Settings } from '../../settings.js';
import { doctorLine, shellWord } from '../usage.js';
import { broken, type Diagnosis } from './chain.js';
import type { Naming } from './surroundings.js';

/** Null for a name that a KDC is asked for. */
export function explainName(user: string, settings: Settings, naming: Naming): Diagnosis | null {
  return foreignDomain(user, settings, naming) ?? foreignRealm(user, settings, naming);
}

function foreignDomain(user: string, settings: Settings, { realm: own }: Naming): Diagnosis | null {
  const [, domain] = /^([^\\@]+)\\/.exec(user.trim()) ?? [];
  if (domain === undefined || settings.domains.has(foldCase(domain.trim()))) return null;
  const { realms } = settings;
  const realm = realms.includes(own) ? own : (realms[0] ?? own);
  const domains = new Map([...settings.domains, [domain, realm]]);
  return broken(
    `${user}: the option \`domains\` has no realm for ${domain}`,
    "To let users type it, name the domain's realm here and in the option `domains`:",
    doctorLine({ ...settings, domains }, user),
  );
}

function foreignRealm(user: string, settings: Settings, { realm: own }: Naming): Diagnosis | null {
  const [, realm] = /^[^@\\]+@([^@]+)$/.exec(user.trim()) ?? [];
  const realms = settings.realms.length === 0 ? [own] : settings.realms;
  const known = [...realms, ...settings.upnSuffixes].map(foldCase);
  if (realm === undefined || known.includes(foldCase(realm.trim()))) return null;
  // A realm is mostly in capitals, and the suffix of a user principal name is not.
  if (realm !== realm.toUpperCase()) {
    const upnSuffixes = [...settings.upnSuffixes, realm];
    return broken(
      `${user}: ${realm} is neither a realm whose users may log in nor one of \`upnSuffixes\``,
      'If it is the suffix of user principal names, name it here and in the option `upnSuffixes`:',
      doctorLine({ ...settings, canonicalize: true, upnSuffixes }, user),
    );
  }
  return broken(
    `${user}: users of ${realm} may not log in here; only users of ${realms.join(', ')} may`,
    'To let them log in, name their realm here and in the option `realms`:',
    doctorLine({ ...settings, realms: [...realms, realm] }, user),
  );
}

/** kinit's arguments for the name that kpass asks for. -E: it is an enterprise name. */
export function kinitWords(user: string, settings: Settings): string {
  const name = askedName(user, settings) ?? user;
  const isUpn = settings.upnSuffixes.some((suffix) => name.endsWith(`@${suffix}`));
  return `${isUpn ? '-E ' : ''}${shellWord(name)}`;
}
