// The text of the two files that MIT Kerberos reads: krb5.conf for everyone, kdc.conf for the KDC.

/** The part of a krb5.conf that describes one realm. */
export interface RealmConf {
  name: string;
  /** Each is `host:port`. Clients try them in this order. */
  kdcs: readonly string[];
  /** The KDC that clients ask again when another one has refused; null for none. */
  primary: string | null;
  /** The servers that change passwords, each `host:port`. */
  passwordServers: readonly string[];
  /** Hosts, and domains with a leading dot, that belong to the realm. */
  hosts: readonly string[];
}

/**
 * A krb5.conf for these realms; the first one is the default realm. `more` is text in the file's own
 * syntax. It comes first, so its values win.
 *
 * The file switches DNS off: a failed look-up takes most of a second, and no test may depend on one.
 */
export function krb5Conf(realms: readonly RealmConf[], more: string): string {
  return `${more}

[libdefaults]
  default_realm = ${realms[0]?.name}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false

[realms]
${realms.map(realmSection).join('')}
[domain_realm]
${realms.flatMap(({ name, hosts }) => hosts.map((host) => `  ${host} = ${name}\n`)).join('')}`;
}

function realmSection({ name, kdcs, primary, passwordServers }: RealmConf): string {
  const lines = [
    ...kdcs.map((kdc) => `kdc = ${kdc}`),
    ...passwordServers.map((server) => `kpasswd_server = ${server}`),
  ];
  // krb5 up to 1.18 reads master_kdc, later versions read primary_kdc.
  if (primary !== null) lines.push(`master_kdc = ${primary}`, `primary_kdc = ${primary}`);
  return `  ${name} = {\n${lines.map((line) => `    ${line}\n`).join('')}  }\n`;
}

/** The values of a kdc.conf. */
interface KdcConf {
  realm: string;
  port: number;
  /** Of kadmind, for administrators and for changes of passwords; 0 without kadmind. */
  adminPort: number;
  passwordPort: number;
  folder: string;
  enctypes: readonly string[];
  more: string;
}

export function kdcConf(values: KdcConf): string {
  const { realm, port, adminPort, passwordPort, folder, enctypes, more } = values;
  return `${more}

[kdcdefaults]
  kdc_listen = 127.0.0.1:${port}
  kdc_tcp_listen = 127.0.0.1:${port}

[realms]
  ${realm} = {
    database_name = ${folder}/principal
    key_stash_file = ${folder}/stash
    master_key_type = ${enctypes[0]}
    kadmind_listen = 127.0.0.1:${adminPort}
    kpasswd_listen = 127.0.0.1:${passwordPort}
    acl_file = ${folder}/kadm5.acl
    supported_enctypes = ${enctypes.map((enctype) => `${enctype}:normal`).join(' ')}
  }

[logging]
  default = FILE:${folder}/kdc.log
  admin_server = FILE:${folder}/kadmind.log
`;
}
