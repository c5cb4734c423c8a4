/** The text of the two files that MIT Kerberos reads: krb5.conf for everyone, kdc.conf for the KDC. */

/** What a krb5.conf says. Where `more` sets a value as well, `more` wins: it comes first. */
export interface Krb5Conf {
  realm: string;
  /** Each one `host:port`, in the order in which they are tried. */
  kdcs: readonly string[];
  /** Hosts, and domains with a leading dot, that belong to the realm. */
  hosts: readonly string[];
  /** More text for the file, in its own syntax. */
  more: string;
}

/** Never any DNS: a look-up that fails costs most of a second, and a test must not depend on one. */
export function krb5Conf({ realm, kdcs, hosts, more }: Krb5Conf): string {
  return `${more}

[libdefaults]
  default_realm = ${realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false

[realms]
  ${realm} = {
${kdcs.map((kdc) => `    kdc = ${kdc}\n`).join('')}  }

[domain_realm]
${hosts.map((host) => `  ${host} = ${realm}\n`).join('')}`;
}

/** What a kdc.conf says. */
export interface KdcConf {
  realm: string;
  port: number;
  folder: string;
  enctypes: readonly string[];
  more: string;
}

export function kdcConf({ realm, port, folder, enctypes, more }: KdcConf): string {
  return `${more}

[kdcdefaults]
  kdc_listen = 127.0.0.1:${port}
  kdc_tcp_listen = 127.0.0.1:${port}

[realms]
  ${realm} = {
    database_name = ${folder}/principal
    key_stash_file = ${folder}/stash
    master_key_type = ${enctypes[0]}
    supported_enctypes = ${enctypes.map((enctype) => `${enctype}:normal`).join(' ')}
  }

[logging]
  default = FILE:${folder}/kdc.log
`;
}
