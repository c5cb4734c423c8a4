// The tickets of a Realm's users, and the tokens that their browsers send.

import { deepEqual, equal, match, notDeepEqual, rejects } from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { Acceptor } from 'kpass';
import { Realm } from 'kpass/testing';
import { client } from '../support/kinit';

describe("the tickets of a Realm's users", () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({
      users: {
        alice: 'wonderland',
        'alice/admin': 'x',
        gone: { password: 'x', state: 'disabled' },
      },
      services: ['HTTP/localhost', 'imap/localhost'],
    });
  });
  after(() => realm?.stop());

  const acceptor = (service: string, more = {}) =>
    new Acceptor({
      service,
      host: 'localhost',
      keytab: realm.keytab(`${service}/localhost`),
      config: realm.config,
      ...more,
    });

  const list = async (cache: string) =>
    (await client(realm.config, ['klist', '-c', cache], '', {})).stdout;

  it("are in a credential cache of the user's own", async () => {
    const cache = await realm.ticket('alice');
    match(await list(cache), /^Default principal: alice@EXAMPLE\.COM$/m);
    match(await list(cache), /krbtgt\/EXAMPLE\.COM@EXAMPLE\.COM$/m);
    equal((await stat(cache)).mode & 0o777, 0o600);
    match(await list(await realm.ticket('alice/admin')), /alice\/admin@/);
    match(await list(cache), /alice@/);
  });

  it('serve as KRB5CCNAME', async () => {
    const KRB5CCNAME = await realm.ticket('alice');
    const { code } = await client(realm.config, ['kvno', 'imap/localhost'], '', { KRB5CCNAME });
    equal(code, 0);
  });

  it('are not there for an account that the KDC refuses, nor for an unknown one', async () => {
    await rejects(realm.ticket('gone'), /^Error: kinit: .*credentials have been revoked/);
    await rejects(realm.ticket('nobody'), /has no keys of nobody|does not exist/);
    await rejects(realm.token('alice', 'nobody/localhost'), /^Error: kvno: .*not found/);
    await rejects(realm.ticket('alice', { cofnig: 'x' } as object), TypeError);
    await rejects(realm.token('alice', 'HTTP/localhost', { from: 'x' } as object), TypeError);
  });

  it('make tokens for each service, a new one each time', async () => {
    const http = acceptor('HTTP');
    const tokens = [await realm.token('alice', 'HTTP/localhost')];
    tokens.push(await realm.token('alice', 'HTTP/localhost'));
    notDeepEqual(tokens[0], tokens[1]);
    for (const token of tokens) equal((await http.accept(token)).accepted, true);
    const imap = await realm.token('alice', 'imap/localhost');
    equal((await acceptor('imap').accept(imap)).accepted, true);
    equal((await http.accept(imap)).accepted, false);
  });

  it('make tokens that ask for a proof, or for none', async () => {
    const replies = await Promise.all(
      [true, false].map(async (mutual) => {
        const token = await realm.token('alice', 'HTTP/localhost', { form: 'kerberos', mutual });
        const acceptance = await acceptor('HTTP').accept(token);
        return acceptance.accepted && acceptance.reply !== null;
      }),
    );
    deepEqual(replies, [true, false]);
  });

  it('make tokens of another time', async () => {
    const time = new Date(Date.now() - 3_600_000);
    const token = await realm.token('alice', 'HTTP/localhost', { time });
    deepEqual(await acceptor('HTTP').accept(token), { accepted: false, reason: 'clock' });
  });
});
