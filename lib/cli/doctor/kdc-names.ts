// The KDCs of a realm, and the source that names them.

import type { KdcsReport, NamedKdc } from '../../binding.js';
import type { Settings } from '../../settings.js';
import { doctorLine } from '../usage.js';
import { broken, type Diagnosis, type LookResult, ok, warning } from './chain.js';
import { ifLate, type Krb5 } from './krb5.js';
import type { Naming } from './surroundings.js';

export type Kdc = NamedKdc;

export interface Kdcs {
  list: Kdc[];
  /** Only libkrb5 knows or reaches some of the realm's KDCs. */
  libkrb5Only: boolean;
}

export async function lookForKdcs(
  krb5: Krb5,
  settings: Settings,
  { realm }: Naming,
): Promise<LookResult<Kdcs>> {
  const slow = broken(
    `DNS did not name the KDCs of ${realm} in ${settings.timeout} ms`,
    'Repair DNS, or name the KDCs in krb5.conf:',
    ...byName(realm),
    `time dig +short SRV _kerberos._udp.${realm}`,
  );
  const report = await krb5.ask('locateKdcs', realm).catch(ifLate(slow));
  const { kdcs: list, libkrb5Only } = report;
  if (isRefused(report)) {
    const detail = `libkrb5 refuses ${report.mistake}, and asks no KDC of the realm for that`;
    return { diagnoses: broken(detail, ...FORMS), facts: null };
  }
  const found = sourceOf(report, realm, settings);
  if (found.status === 'broken') return { diagnoses: found, facts: null };
  const diagnoses = [found];
  if (report.mistake !== '' && report.source !== 'locator') {
    const detail =
      `libkrb5 refuses ${report.mistake}. It asks the primary KDC after each wrong password, ` +
      'which is an error then, and no denial';
    diagnoses.push(warning(detail, ...FORMS));
  }
  return { diagnoses, facts: { list, libkrb5Only } };
}

/**
 * Whether a mistake in krb5.conf stops every login. The list of primary KDCs counts only after an error, or
 * if there are no other KDCs. A locator comes first: what it names, libkrb5 asks.
 */
function isRefused({ source, tag, mistake }: KdcsReport): boolean {
  if (mistake === '' || source === 'locator') return false;
  return source === 'none' || mistake.startsWith(`${tag} = `);
}

function sourceOf(report: KdcsReport, realm: string, settings: Settings): Diagnosis {
  const { source, tag, kdcs, libkrb5Only, dns } = report;
  const names = kdcs.map(({ name }) => name).join(', ');
  switch (source) {
    case 'krb5.conf':
      return ok(`${names}, from ${tag === 'kdc' ? '' : `${tag} in `}krb5.conf`);
    case 'SRV': {
      const service = tag === 'kdc' ? '_kerberos' : '_kerberos-master';
      return ok(`${names}, from DNS, SRV of ${service}._udp.${realm}`);
    }
    case 'URI':
      return ok(`from DNS, URI of _kerberos.${realm}; libkrb5 reads these records, kpass does not`);
    case 'locator': {
      const others = kdcs.length === 0 ? '' : `; if it knows none: ${names}`;
      const detail = `from a plug-in that only libkrb5 asks, such as SSSD's or winbind's${others}`;
      const show = ['To see which KDCs libkrb5 finds, run:', doctorLine(settings, '--verbose')];
      return warning(detail, ...show);
    }
    case 'none': {
      if (libkrb5Only) return ok("those of krb5.conf's sitename, which only libkrb5 asks DNS for");
      const which = dns ? 'and DNS has none either' : 'and dns_lookup_kdc is off';
      return none(`krb5.conf names no KDC of ${realm}, ${which}`, realm);
    }
  }
}

const none = (detail: string, realm: string) =>
  broken(
    detail,
    `Is ${realm} the right realm? If so, name its KDCs in krb5.conf:`,
    ...byName(realm),
    ...inDns(realm),
  );

/** Of a KDC in krb5.conf. */
export const FORMS = [
  'Write it in one of these forms:',
  '    kdc = kdc.example.com',
  '    kdc = kdc.example.com:88',
  '    kdc = [2001:db8::1]:88',
];

const byName = (realm: string) => [
  '[realms]',
  `    ${realm} = {`,
  '        kdc = kdc.example.com',
  '    }',
];

const inDns = (realm: string) => [
  'or in DNS, with SRV records that this command shows:',
  `dig +short SRV _kerberos._udp.${realm}`,
];
