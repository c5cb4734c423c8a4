// The options that say which names people may type, checked once: `upnSuffixes` and `domains`.

import { foldCase } from './names.js';
import { nonEmptyText, wrongType, wrongValue } from './validate.js';

export function checkUpnSuffixes(value: unknown, canonicalize: boolean): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrongType('upnSuffixes', 'an array of strings', value);
  const suffixes = Array.from(value, (item, i) => part(`upnSuffixes[${i}]`, item));
  if (suffixes.length > 0 && !canonicalize) {
    throw wrongValue('upnSuffixes', 'needs canonicalize: true', value);
  }
  return suffixes;
}

/** `realms`: whose users may log in. Empty: the service's realm, which only the native side knows. */
export function checkDomains(
  value: unknown,
  realms: readonly string[],
): ReadonlyMap<string, string> {
  const domains = new Map<string, string>();
  for (const [domain, given] of pairsOf(value)) {
    const realm = nonEmptyText(`domains.${domain}`, given);
    const folded = foldCase(part('a name in domains', domain));
    if (realms.length > 0 && !realms.includes(realm)) {
      throw wrongValue(`domains.${domain}`, 'must be one of realms', realm);
    }
    if ((domains.get(folded) ?? realm) !== realm) {
      throw wrongValue('domains', `must not have two realms for ${domain}`, value);
    }
    domains.set(folded, realm);
  }
  return domains;
}

function pairsOf(value: unknown = {}): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType('domains', 'an object', value);
  }
  return Object.entries(value);
}

/** The part of a name before a backslash or after an @. One with these signs could never be typed. */
function part(name: string, value: unknown): string {
  const text = nonEmptyText(name, value);
  if (/[\p{Cc}\\@]|^\p{Z}|\p{Z}$/u.test(text)) {
    throw wrongValue(name, 'must not have an @, a backslash, or blanks at its ends', value);
  }
  return text;
}
