/** Realms, alone and together, as the tests need them. Whoever starts one stops it. */
import { Realm } from 'kpass/testing';
import { addServices } from './services';
import { addUsers, failedCount } from './users';

/** EXAMPLE.COM with all of `USERS` and all of `SERVICES`; the cheapest keys, as there are many. */
export async function startWorld(): Promise<Realm> {
  const realm = await Realm.start({ services: [], enctypes: ['aes128-cts-hmac-sha1-96'] });
  await addServices(realm);
  await addUsers(realm);
  return realm;
}

/**
 * A KDC that claims to be that realm's. It knows the same names, with passwords and keys of its own
 * choice; its key versions are those of a new realm. Point a client at its `config`.
 */
export function impostorOf(
  realm: Realm,
  users: Readonly<Record<string, string>> = { alice: 'hijacked' },
  services: readonly string[] = ['HTTP/localhost'],
): Promise<Realm> {
  return Realm.start({ name: realm.name, users, services });
}

/**
 * Lets the users of each realm get tickets for the services of the other one. Resolves to the path
 * of a krb5.conf that knows both; the first one is its default realm.
 */
export async function trust(realm: Realm, other: Realm): Promise<string> {
  // Both sides need the same keys, whatever each one makes by default.
  const key = ['-pw', 'trust', '-e', 'aes256-cts-hmac-sha1-96:normal'];
  for (const side of [realm, other]) {
    await side.kadmin('addprinc', ...key, `krbtgt/${other.name}@${realm.name}`);
    await side.kadmin('addprinc', ...key, `krbtgt/${realm.name}@${other.name}`);
  }
  return configOfBoth(realm, other);
}

/** A krb5.conf that knows two realms, of which the first one is the default. */
export function configOfBoth(realm: Realm, other: Realm): Promise<string> {
  const more = `[realms]\n  ${other.name} = {\n    kdc = 127.0.0.1:${other.port}\n  }\n`;
  return realm.writeConfig({ more });
}

/** A realm with two KDCs, each with a database of its own that counts failures for itself. */
export interface Replicated {
  primary: Realm;
  replica: Realm;
  /** Path of a krb5.conf that lists the replica, then the primary, and says which one that is. */
  config: string;
  /** The failures that both have counted for a user. */
  failedCount(user: string): Promise<number>;
}

/** Gives a realm a replica, with a copy of its database as it is now. */
export async function replicate(primary: Realm): Promise<Replicated> {
  const replica = await Realm.start({ replicaOf: primary });
  const config = await replicatedConfig(primary, replica.port, primary.port);
  return {
    primary,
    replica,
    config,
    failedCount: async (user) =>
      (await failedCount(primary, user)) + (await failedCount(replica, user)),
  };
}

/**
 * A krb5.conf for two KDCs on these ports, such as those of proxies. libkrb5 tells the primary from
 * a replica by the host's name, so they get different ones.
 */
export function replicatedConfig(
  realm: Realm,
  replicaPort: number,
  primaryPort: number,
): Promise<string> {
  const primary = `127.0.0.1:${primaryPort}`;
  const more = `[realms]
  ${realm.name} = {
    primary_kdc = ${primary}
    master_kdc = ${primary}
  }
`;
  return realm.writeConfig({ kdcs: [`localhost:${replicaPort}`, primary], more });
}
