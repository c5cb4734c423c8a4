// KDCs that DNS names. The test sends the program's resolver to a name server of its own. libkrb5
// uses that resolver as well: it looks for a KDC before it asks kpass to carry a message.

import assert from 'node:assert/strict';
import { Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { asCResolver, nameServer, type Srv } from '../support/dns';

describe('KDCs that DNS names', () => {
  let realm: Realm;
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
  });
  after(() => realm?.stop());

  /** Logs in twice: the outcomes, kpass's questions to DNS, and the ports that it sent to. */
  async function logIn(
    kdcs: readonly Srv[],
    { uri = undefined as string | undefined, more = '', transport = 'kpass' },
  ) {
    await using dns = await nameServer(kdcs, uri);
    const env = await asCResolver(dns.port, realm.folder);
    const config = await realm.writeConfig({
      kdcs: [],
      more: `[libdefaults]\n  dns_lookup_kdc = true\n${more}`,
    });
    const source = `
      const verifier = new Verifier({
        ...options,
        transport: '${transport}',
        fast: 'never', // the login for armor would ask DNS at the same time
        trace: (line) => console.log(line),
      });
      const ask = () => verifier.verify('alice', 'wonderland')
        .then((v) => String(v.verified), (error) => error.code);
      ask().then(async (first) => console.log('outcomes', first, await ask()));`;
    const { stdout, stderr } = await runProgram(realm, source, config, env);
    return {
      outcomes: /^outcomes (.*)$/m.exec(stdout)?.[1],
      questions: [...stderr.matchAll(/^kpass asks for (.*)$/gm)].map(([, name]) => name),
      asked: [...stdout.matchAll(/kpass asks UDP .*:(\d+)$/gm)].map(([, port]) => Number(port)),
    };
  }

  it('are found, and remembered as long as DNS says', async () => {
    const { outcomes, questions, asked } = await logIn([{ port: realm.port }], {});
    assert.equal(outcomes, 'true true');
    assert.deepEqual(questions, [
      '_kerberos._udp.EXAMPLE.COM.',
      '_kerberos._tcp.EXAMPLE.COM.',
      '_kerberos.EXAMPLE.COM.',
    ]);
    assert.equal(new Set(asked).size, 1);
  });

  it('are asked by priority', async () => {
    const closed = 1;
    const { outcomes, asked } = await logIn(
      [
        { port: realm.port, priority: 2 },
        { port: closed, priority: 1 },
      ],
      {},
    );
    assert.equal(outcomes, 'true true');
    assert.equal(asked[0], closed);
    assert.equal(asked.at(-1), realm.port);
  });

  it('are left to libkrb5 if there are URI records, which it prefers', async () => {
    const uri = `krb5srv:m:udp:localhost:${realm.port}`;
    const { outcomes, asked } = await logIn([], { uri });
    assert.deepEqual([outcomes, asked], ['true true', []]);
  });

  it('are asked by kpass if krb5.conf tells libkrb5 to ignore URI records', async () => {
    const uri = 'krb5srv:m:udp:localhost:1';
    const { outcomes, questions, asked } = await logIn([{ port: realm.port }], {
      uri,
      more: '  dns_uri_lookup = false\n',
    });
    assert.equal(outcomes, 'true true');
    assert(!questions.includes('_kerberos.EXAMPLE.COM.'));
    assert(asked.length > 0);
  });

  for (const transport of ['kpass', 'libkrb5']) {
    it(`are none if DNS says that there is no such service, with ${transport}’s transport`, async () => {
      const { outcomes } = await logIn([{ port: 0, target: '.' }], { transport });
      assert.equal(outcomes, 'ERR_KPASS_KDC ERR_KPASS_KDC');
    });

    it(`are all tried, however many DNS names, with ${transport}’s transport`, async () => {
      const closed = Array.from({ length: 80 }, (_, i) => ({ port: i + 1 }));
      const { outcomes } = await logIn([...closed, { port: realm.port, priority: 1 }], {
        transport,
      });
      assert.equal(outcomes, 'true true');
    });

    it(`are tried if one of them has no address, with ${transport}’s transport`, async () => {
      const gone = { port: realm.port, target: 'no-such-host.invalid' };
      const { outcomes } = await logIn([gone, { port: realm.port, priority: 1 }], { transport });
      assert.equal(outcomes, 'true true');
    });
  }
});
