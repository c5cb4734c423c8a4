// The KDCs of a realm, and the source that names them.

import type { NamedKdc } from '../../binding.js';
import type { Settings } from '../../settings.js';
import { doctorLine } from '../usage.js';
import { broken, type LookResult, ok, warning } from './chain.js';
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
  const { source, kdcs: list, libkrb5Only, dns, mistake } = report;
  // A locator comes first: what it names, libkrb5 asks.
  if (mistake !== '' && source !== 'locator') {
    const detail = `libkrb5 refuses ${mistake}, and asks no KDC of the realm for that`;
    return { diagnoses: broken(detail, ...FORMS), facts: null };
  }
  const facts: Kdcs = { list, libkrb5Only };
  const names = list.map(({ name }) => name).join(', ');
  const trace = ['To see which KDCs libkrb5 finds, run:', doctorLine(settings, '--verbose')];
  switch (source) {
    case 'krb5.conf':
      return { diagnoses: ok(`${names}, from krb5.conf`), facts };
    case 'SRV':
      return { diagnoses: ok(`${names}, from DNS, SRV of _kerberos._udp.${realm}`), facts };
    case 'URI':
      return {
        diagnoses: ok(
          `from DNS, URI of _kerberos.${realm}; libkrb5 reads these records, kpass does not`,
        ),
        facts,
      };
    case 'locator': {
      const others = list.length === 0 ? '' : `; if it knows none: ${names}`;
      const detail = `from a plug-in that only libkrb5 asks, such as SSSD's or winbind's${others}`;
      return { diagnoses: warning(detail, ...trace), facts };
    }
    case 'none': {
      const which = dns ? 'and DNS has none either' : 'and dns_lookup_kdc is off';
      return {
        diagnoses: none(`krb5.conf names no KDC of ${realm}, ${which}`, realm),
        facts: null,
      };
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

const FORMS = [
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
