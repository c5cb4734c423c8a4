// The realm of most tests. Whoever starts it stops it.

import { Realm } from 'kpass/testing';
import { addServices } from './services';
import { USERS } from './users';

/** EXAMPLE.COM with all of `USERS` and all of `SERVICES`; the cheapest keys, as there are many. */
export async function startWorld(): Promise<Realm> {
  const enctypes = ['aes128-cts-hmac-sha1-96'];
  const realm = await Realm.start({ users: USERS, services: [], enctypes });
  await addServices(realm);
  return realm;
}
