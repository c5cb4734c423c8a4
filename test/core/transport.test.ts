// The transport: which KDC gets which message, over UDP or TCP.

import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VerifierOptions } from 'kpass';
import { Realm } from 'kpass/testing';
import { FaultProxy, type Mode } from '../support/fault-proxy';
import { type AnyRealm, failureOf, verifierFor as verifierWith } from '../support/subject';

const SLOW = Number(process.env.KPASS_SLOW ?? 1);

/** Without armor: its own login would be more messages than the tests expect. */
const verifierFor = (realm: AnyRealm, more: Partial<VerifierOptions> = {}) =>
  verifierWith(realm, { fast: 'never', ...more });

describe('the transport', () => {
  let realm: Realm;
  let proxies: FaultProxy[] = [];
  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland' } });
  });
  after(() => realm?.stop());
  afterEach(async () => {
    for (const proxy of proxies) await proxy.stop();
    proxies = [];
  });

  /** Writes a krb5.conf with one proxy of the KDC for each mode. */
  async function kdcs(...modes: Mode[]): Promise<string> {
    for (const mode of modes) {
      const proxy = await FaultProxy.start(realm);
      await proxy.use(mode);
      proxies.push(proxy);
    }
    return realm.writeConfig({ kdcs: proxies.map(({ port }) => `127.0.0.1:${port}`) });
  }

  const logIn = (options: Partial<VerifierOptions>, password = 'wonderland') =>
    verifierFor(realm, options).verify('alice', password);

  /** The number of messages that each KDC got since the last call, by protocol. */
  function messages(): string[] {
    return proxies.map((proxy) => {
      const log = proxy.log.map(({ transport }) => transport);
      proxy.reset();
      return log.join(' ');
    });
  }

  for (const dead of [1, 2]) {
    it(`asks the silent ${dead} of ${dead + 1} KDCs once, and then only the one that answers`, async () => {
      const config = await kdcs(...Array<Mode>(dead).fill('silent'), 'pass');
      assert.equal((await logIn({ config })).verified, true);
      assert.deepEqual(messages(), [...Array(dead).fill('udp'), 'udp udp']);
      for (let i = 0; i < 10; i++) {
        assert.equal((await logIn({ config })).verified, true);
        assert.deepEqual(messages(), [...Array(dead).fill(''), 'udp udp']);
      }
    });
  }

  it('sends one message for each exchange to KDCs that answer', async () => {
    const config = await kdcs('pass', 'pass');
    await logIn({ config });
    await logIn({ config, canonicalize: true });
    assert.deepEqual(messages(), ['udp udp udp udp udp', '']);
  });

  it('returns to the first KDC when it answers again', async function () {
    this.timeout(60_000 * SLOW);
    const config = await kdcs('silent', 'pass');
    await logIn({ config });
    await proxies[0]?.use('pass');
    messages();
    const start = performance.now();
    while (messages()[0] !== 'udp udp') {
      assert(performance.now() - start < 30_000 * SLOW, 'it does not');
      await sleep(100);
      assert.equal((await logIn({ config })).verified, true);
    }
  });

  it('asks the next KDC when the first reports an error of its own', async () => {
    const config = await kdcs({ error: 29 }, 'pass');
    assert.equal((await logIn({ config })).verified, true);
    messages();
    assert.equal((await logIn({ config })).verified, true);
    assert.deepEqual(messages(), ['', 'udp udp']);
  });

  it('repeats a proof of the password to the KDC that asked for it', async () => {
    const proofLost: Mode = ({ n, again }) => (n === 2 && again === 0 ? 'silent' : 'pass');
    const config = await kdcs(proofLost, 'pass');
    assert.equal((await logIn({ config }, 'wrong')).verified, false);
    const [first, second] = proxies;
    assert.equal(second?.log.length, 0);
    assert.equal(first?.requests['AS-REQ'], 2);
    assert(first.retransmissions > 0);
  });

  it('repeats the proof over TCP rather than over UDP', async () => {
    const config = await kdcs(({ transport, n }) =>
      transport === 'udp' && n === 2 ? 'silent' : 'pass',
    );
    assert.equal((await logIn({ config }, 'wrong')).verified, false);
    assert.deepEqual(messages(), ['udp udp tcp']);
  });

  it('repeats the proof over UDP if the KDC has no TCP', async () => {
    await kdcs(({ n, again }) => (n === 2 && again === 0 ? 'silent' : 'pass'));
    const [proxy] = proxies as [FaultProxy];
    const udp = createSocket('udp4').bind(0, '127.0.0.1'); // nothing listens for TCP
    await once(udp, 'listening');
    const clients = new Map<number, UdpSocket>();
    udp.on('message', (message, { port }) => {
      const client = clients.get(port) ?? createSocket('udp4');
      if (!clients.has(port)) client.on('message', (reply) => udp.send(reply, port, '127.0.0.1'));
      clients.set(port, client);
      client.send(message, proxy.port, '127.0.0.1');
    });
    try {
      const config = await realm.writeConfig({ kdcs: [`127.0.0.1:${udp.address().port}`] });
      assert.equal((await logIn({ config }, 'wrong')).verified, false);
      assert.deepEqual(messages(), ['udp udp udp']);
    } finally {
      udp.close();
      for (const client of clients.values()) client.close();
    }
  });

  it('sends the proof to no other KDC, even if the first becomes silent', async () => {
    const config = await kdcs(({ n }) => (n === 1 ? 'pass' : 'silent'), 'pass');
    const error = await failureOf(
      verifierFor(realm, { config, timeout: 3_000 }).verify('alice', 'x'),
    );
    assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
    assert.equal(proxies[1]?.log.length, 0);
  });

  it('uses TCP if UDP is silent, and at once the next time', async () => {
    const config = await kdcs(({ transport }) => (transport === 'udp' ? 'silent' : 'pass'));
    assert.equal((await logIn({ config })).verified, true);
    messages();
    assert.equal((await logIn({ config })).verified, true);
    assert.deepEqual(messages(), ['tcp tcp']);
  });

  it('uses TCP if a KDC says that its reply is too big for UDP', async () => {
    const config = await kdcs(
      ({ transport }) => (transport === 'udp' ? { error: 52 } : 'pass'),
      'pass',
    );
    assert.equal((await logIn({ config })).verified, true);
    assert.deepEqual(messages(), ['udp tcp tcp', '']);
  });

  it('uses TCP for a message larger than udp_preference_limit', async () => {
    await kdcs('pass');
    const [{ port }] = proxies as [FaultProxy];
    const more = '[libdefaults]\nudp_preference_limit = 1\n';
    const config = await realm.writeConfig({ kdcs: [`127.0.0.1:${port}`], more });
    assert.equal((await logIn({ config })).verified, true);
    assert.deepEqual(messages(), ['tcp tcp']);
  });

  it('repeats a message that was lost', async () => {
    const config = await kdcs(({ n, again }) => (n === 1 && again === 0 ? 'silent' : 'pass'));
    assert.equal((await logIn({ config })).verified, true);
  });

  it('takes a reply only from the address that it sent to', async () => {
    const [kdc, elsewhere] = [createSocket('udp4'), createSocket('udp4')];
    kdc.bind(0, '127.0.0.1');
    elsewhere.bind(0, '127.0.0.1');
    await Promise.all([once(kdc, 'listening'), once(elsewhere, 'listening')]);
    const { port } = kdc.address() as AddressInfo;
    let asked = 0;
    kdc.on('message', (_message, { port, address }) => {
      asked += 1;
      elsewhere.send(Buffer.from([0x7e, 0x00]), port, address);
    });
    try {
      const config = await realm.writeConfig({ kdcs: [`127.0.0.1:${port}`] });
      const error = await failureOf(
        verifierFor(realm, { config, timeout: 500 }).verify('alice', 'wonderland'),
      );
      assert.equal(error.code, 'ERR_KPASS_TIMEOUT');
      assert(asked > 0);
    } finally {
      kdc.close();
      elsewhere.close();
    }
  });

  it('verifies all waiting calls when the only KDC is back', async () => {
    const config = await kdcs('silent');
    const verifier = verifierFor(realm, { config, threads: 8, timeout: 30_000 });
    const calls = Array.from({ length: 40 }, () => verifier.verify('alice', 'wonderland'));
    await sleep(1_500); // a KDC is known to be silent after this time
    await proxies[0]?.use('pass');
    const start = performance.now();
    for (const { verified } of await Promise.all(calls)) assert.equal(verified, true);
    const ms = performance.now() - start;
    assert(ms < 3_000 * SLOW, `${ms} ms`);
  });

  it('asks a silent KDC no more often for many waiting calls than for few', async () => {
    const config = await kdcs('silent');
    const verifier = verifierFor(realm, { config, threads: 64, timeout: 3_000 });
    await Promise.all(Array.from({ length: 64 }, () => failureOf(verifier.verify('alice', 'x'))));
    // Each call asks at once, and again after one second. The waiting calls together ask 20 times a
    // second. After three seconds, all calls have ended.
    const most = 2 * 64 + 3 * 20;
    const { length } = proxies[0]?.log.filter(({ transport }) => transport === 'udp') ?? [];
    assert(length >= 64 && length < 1.5 * most, `${length} messages`);
  });

  it('waits little for a dead primary KDC when a replica does not know the user', async () => {
    await kdcs('pass', 'silent');
    const [replica, primary] = proxies.map(({ port }) => `127.0.0.1:${port}`);
    const config = await realm.writeConfig({ kdcs: [`${replica}`], primary: `${primary}` });
    const verdict = await verifierFor(realm, { config }).verify('nobody', 'x');
    assert.deepEqual(verdict, { verified: false, reason: 'credentials' });
    assert((proxies[1]?.log.length ?? 0) > 0);
  });

  it('does not ask a KDC again because it is the primary', async () => {
    await kdcs('pass');
    const kdc = `127.0.0.1:${proxies[0]?.port}`;
    const config = await realm.writeConfig({ kdcs: [kdc], primary: kdc });
    await verifierFor(realm, { config }).verify('nobody', 'x');
    assert.deepEqual(messages(), ['udp']);
  });

  describe('is left to libkrb5', () => {
    const lines: string[] = [];
    async function carriedBy(options: Partial<VerifierOptions>): Promise<string> {
      lines.length = 0;
      const verdict = await logIn({ ...options, trace: (line) => lines.push(line) });
      assert.equal(verdict.verified, true);
      return lines.some((line) => line.includes('kpass asks')) ? 'kpass' : 'libkrb5';
    }

    it('with the option, and only then', async () => {
      assert.equal(await carriedBy({}), 'kpass');
      assert.equal(await carriedBy({ transport: 'kpass' }), 'kpass');
      assert.equal(await carriedBy({ transport: 'libkrb5' }), 'libkrb5');
    });

    it('if a KDC is reached through an HTTPS proxy', async () => {
      const proxy = 'https://127.0.0.1:1/KdcProxy';
      const config = await realm.writeConfig({ kdcs: [`127.0.0.1:${realm.port}`, proxy] });
      assert.equal(await carriedBy({ config }), 'libkrb5');
    });
  });
});
