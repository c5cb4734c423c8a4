// An accept makes no call that may reach the network: a library that is preloaded prints each.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { preloaded } from '../support/preloaded';
import { SERVICE } from '../support/subject';

/** Accepts good tokens, a replay and junk; with one host, with several, with any. */
const ACCEPTS = `
const { Acceptor } = require('kpass');
const tokens = process.env.TOKENS.split(' ').map((token) => Buffer.from(token, 'base64'));
(async () => {
  const { host, ...others } = options;
  const all = [{ host }, { hosts: ['nokey', host] }, { hosts: 'any' }];
  for (const [i, which] of all.entries()) {
    const acceptor = new Acceptor({ ...others, ...which });
    for (const token of [tokens[i], tokens[i], Buffer.from('junk')]) {
      console.log(JSON.stringify(await acceptor.accept(token)));
    }
    acceptor.close();
  }
})();
`;

const LOGIN = `
kpass('alice', 'wonderland', 'HTTP', 'localhost', keytab, { config }).then(console.log);
`;

describe('an accept', function () {
  this.timeout(60_000);
  let realm: Realm;
  let library: string;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' }, services: [SERVICE] });
    library = await preloaded('sockets', realm.folder, '-ldl');
  });
  after(() => realm?.stop());

  const run = (source: string, more: NodeJS.ProcessEnv = {}) =>
    runProgram(realm, source, realm.config, { LD_PRELOAD: library, ...more });

  it('calls nothing that may reach the network, whatever becomes of the token', async () => {
    const tokens: string[] = [];
    for (let i = 0; i < 3; i++) {
      tokens.push(Buffer.from(await realm.token('alice', SERVICE)).toString('base64'));
    }
    const { stdout, stderr } = await run(ACCEPTS, { TOKENS: tokens.join(' ') });
    assert.equal(stdout.match(/"accepted":true/g)?.length, 3, stdout + stderr);
    assert.equal(stdout.match(/"reason":"replay"/g)?.length, 3);
    assert.equal(stdout.match(/"reason":"malformed"/g)?.length, 3);
    assert.equal(stderr, '');
  });

  it('is looked at by means that see a login by password', async () => {
    const { stdout, stderr } = await run(LOGIN);
    assert.equal(stdout, 'true\n');
    assert.match(stderr, /^called socket$/m);
  });
});
