// Password servers that DNS names. The test sends the program's resolver to a name server of its own.

import assert from 'node:assert/strict';
import { type ConfigOptions, Realm } from 'kpass/testing';
import { runProgram } from '../support/child';
import { asCResolver, nameServer, type Srv } from '../support/dns';

describe('password servers that DNS names', () => {
  let realm: Realm;
  let users = 0;
  before(async () => {
    realm = await Realm.start({ passwords: true });
  });
  after(() => realm?.stop());

  /** Changes a password: the outcome, the questions to DNS, and the ports that it was sent to. */
  async function change(
    servers: Record<string, readonly Srv[]>,
    options: ConfigOptions = { more: DNS },
  ) {
    const user = `user${++users}`;
    await realm.addUser(user, 'old');
    await using dns = await nameServer([], undefined, servers);
    const env = await asCResolver(dns.port, realm.folder);
    const config = await realm.writeConfig({ passwordServers: [], ...options });
    const source = `
      const verifier = new Verifier({ ...options, trace: (line) => console.log(line) });
      verifier.changePassword('${user}', 'old', 'new').then(
        ({ changed }) => console.log('outcome', changed),
        (error) => console.log('outcome', error.code, error.message));`;
    const { stdout, stderr } = await runProgram(realm, source, config, env);
    return {
      outcome: /^outcome (.*)$/m.exec(stdout)?.[1] ?? '',
      questions: [...stderr.matchAll(/^kpass asks for (.*)$/gm)].map(([, name]) => name),
      asked: [...stdout.matchAll(/asks TCP \S+:(\d+) to change/g)].map(([, port]) => Number(port)),
    };
  }

  const DNS = '[libdefaults]\n  dns_lookup_kdc = true\n';
  const admin = (port: number) =>
    `[realms]\n  EXAMPLE.COM = {\n    admin_server = 127.0.0.1:${port}\n  }\n`;

  it('are found, and asked by priority', async () => {
    const { outcome, questions, asked } = await change({
      '_kpasswd._tcp': [
        { port: realm.passwordPort, priority: 2 },
        { port: 1, priority: 1 },
      ],
    });
    assert.equal(outcome, 'true');
    assert(questions.includes('_kpasswd._tcp.EXAMPLE.COM.'));
    assert.deepEqual([asked[0], asked.at(-1)], [1, realm.passwordPort]);
  });

  it('come before admin_server', async () => {
    const servers = { '_kpasswd._tcp': [{ port: realm.passwordPort }] };
    const { outcome, asked } = await change(servers, { more: `${DNS}${admin(749)}` });
    assert.equal(outcome, 'true');
    assert.deepEqual([...new Set(asked)], [realm.passwordPort]);
  });

  it('are not looked for if krb5.conf names one, or shuts DNS out', async () => {
    const passwordServers = [`127.0.0.1:${realm.passwordPort}`];
    const named = await change({}, { more: DNS, passwordServers });
    assert.equal(named.outcome, 'true');
    const shut = await change({}, { more: admin(749) });
    assert.match(shut.outcome, /^ERR_KPASS_KDC/);
    assert.deepEqual(shut.asked, [464]);
    for (const { questions } of [named, shut]) {
      assert(!questions.some((name) => /kpasswd|adm/.test(name ?? '')), questions.join(' '));
    }
  });

  it('are the hosts of admin servers, on port 464, if there are no others', async () => {
    const { outcome, asked } = await change({ '_kerberos-adm._tcp': [{ port: 749 }] });
    assert.match(outcome, /^ERR_KPASS_KDC/);
    assert.deepEqual([...new Set(asked)], [464]);
  });

  it('are none if DNS says so', async () => {
    const { outcome, asked } = await change({ '_kpasswd._tcp': [{ port: 0, target: '.' }] });
    assert.match(outcome, /^ERR_KPASS_KDC password server of realm EXAMPLE\.COM \(none is known\)/);
    assert.deepEqual(asked, []);
  });
});
