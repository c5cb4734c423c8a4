// The realm of most tests. The test that starts it stops it.

import { Realm } from 'kpass/testing';
import { addServices } from './services';
import { USERS } from './users';

/** Starts EXAMPLE.COM, with all of `USERS` and `SERVICES`. Its keys are of the cheapest type. */
export async function startWorld(): Promise<Realm> {
  const enctypes = ['aes128-cts-hmac-sha1-96'];
  const realm = await Realm.start({ users: USERS, services: [], enctypes });
  await addServices(realm);
  return realm;
}
