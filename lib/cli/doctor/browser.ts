// The service that a browser with a ticket asks for (Negotiate). Chromium and Edge follow the host's CNAME
// records, and ask for the name at their end. A password needs none of this, so no result is broken.

import { krb5Name } from '../../krb5-codes.js';
import { type Diagnosis, type LookResult, ok, warning } from './chain.js';
import type { KdcKind } from './kdc-kind.js';
import type { ServiceKeys } from './keytab.js';
import type { Krb5 } from './krb5.js';
import { addService, makeKeytab, remakeKeytab } from './remedies.js';
import type { Naming } from './surroundings.js';

/** Facts of the other links; null where a link has none. */
interface Before {
  keytab: ServiceKeys | null;
  kind: KdcKind | null;
  /** Whether the service can log in with its own key. */
  canLogIn: boolean;
}

export async function lookAtBrowser(
  krb5: Krb5,
  naming: Naming,
  before: Before,
): Promise<LookResult<true>> {
  const { service } = naming;
  const host = service.slice(service.indexOf('/') + 1, service.lastIndexOf('@'));
  const aliases = await krb5.ask('aliasesOf', host);
  const end = aliases?.at(-1)?.toLowerCase() ?? host;
  if (end !== host) {
    return { diagnoses: await ofAlias(krb5, naming, host, end, before), facts: true };
  }
  const unless = aliases === null ? `, unless ${host} is an alias: DNS does not tell` : '';
  const key = before.keytab === null ? '' : '; the keytab has its key';
  return { diagnoses: ok(`with a ticket it asks for ${service}${unless}${key}`), facts: true };
}

async function ofAlias(
  krb5: Krb5,
  { service, realm }: Naming,
  host: string,
  end: string,
  { keytab, kind, canLogIn }: Before,
): Promise<Diagnosis> {
  const asked = `HTTP/${end}@${realm}`;
  const detail = `${host} is an alias of ${end}: Chromium and Edge with a ticket ask for ${asked}`;
  const otherwise = [
    `Or give ${host} an address of its own in DNS: an A record in place of the CNAME.`,
  ];
  const hosts = `hosts: ['${host}', '${end}']`;
  const both = [
    'Then accept both, by an option of Acceptor, or of negotiate in kerberosAuth:',
    hosts,
  ];
  if (keytab === null) return warning(detail, ...both, ...otherwise);
  if (!keytab.others.includes(asked)) {
    return warning(
      `${detail}, of which the keytab has no key`,
      ...makeKeytab(kind, asked, keytab.path),
      ...both,
      ...otherwise,
    );
  }
  const found = ok(`${detail}; accept both, by the option ${hosts}`);
  if (!canLogIn) return found;

  const login = await krb5.ask('keytabLogin', asked, service);
  if (login.step === '') {
    const key = login.version === 0 ? 'the key' : `the current key, version ${login.version}`;
    return { ...found, detail: `${found.detail}. The keytab has ${key}` };
  }
  if (krb5Name(login.code) === 'KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN') {
    return warning(
      `${detail}, which the KDC does not know`,
      ...addService(kind, asked, keytab.path),
      ...otherwise,
    );
  }
  if (login.step !== 'krb5_verify_init_creds') return found;
  return warning(
    `${detail}. The keytab's key does not open its ticket, which is of key version ${login.version}: ` +
      login.message,
    ...remakeKeytab(kind, asked, keytab.path),
  );
}
