// Why kpass sends nothing for a name as it was typed: kpass says only that the login is denied.

import type { Settings } from '../../settings.js';
import { doctorLine } from '../usage.js';
import { broken, type Diagnosis } from './chain.js';
import type { Naming } from './configuration.js';

/** Null for a name that a KDC can be asked for. */
export function explainName(user: string, settings: Settings, naming: Naming): Diagnosis | null {
  const realms = settings.realms.length === 0 ? [naming.realm] : settings.realms;
  const [, domain, account] = /^([^\\@]*)\\([^\\]+)$/.exec(user) ?? [];
  if (domain !== undefined && account !== undefined) {
    return broken(
      `${user}: ${domain} is the name of a Windows domain, and kpass was not told its realm`,
      "Test the account's own name:",
      doctorLine(settings, account),
      'To let people type the domain, name it in the option `domains`, such as:',
      `domains: { ${quoted(domain)}: ${quoted(realms[0] ?? '')} }`,
    );
  }
  if (user.includes('\\')) return broken(`${user}: no name of a user has a backslash in it`);
  if (user !== user.trim()) {
    return broken(
      `'${user}': a blank is before or after the name`,
      doctorLine(settings, user.trim()),
    );
  }
  const [, name, suffix] = /^([^@]+)@([^@]+)$/.exec(user) ?? [];
  if (name === undefined || suffix === undefined || realms.includes(suffix)) return null;
  // Realms are written in capitals; the suffix of a UPN is a domain of DNS.
  if (suffix !== suffix.toUpperCase()) return explainUpn(user, name, suffix, settings);
  return broken(
    `${user}: users of ${suffix} may not log in here; only users of ${realms.join(', ')} may`,
    'To let them log in, name their realm here and in the option `realms`:',
    doctorLine({ ...settings, realms: [...realms, suffix] }, user),
  );
}

function explainUpn(user: string, name: string, suffix: string, settings: Settings): Diagnosis {
  return broken(
    `${user}: ${suffix} is no realm whose users may log in; it may be the suffix of a UPN or a mail address`,
    "Test the account's own name:",
    doctorLine(settings, name),
    'To let people type their UPN, name its suffix, and let the KDC name the account:',
    `upnSuffixes: [${quoted(suffix)}], canonicalize: true`,
  );
}

const quoted = (text: string) => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
