import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Realm } from 'kpass/testing';
import { type Fault, FaultProxy } from './fault-proxy';
import { client, kinit } from './kinit';
import { errorCode, krbError } from './messages';

/** ms: libkrb5 asks again over UDP after a second, so a second try takes longer. */
const SECOND_TRY = 1000;

describe('FaultProxy', () => {
  let realm: Realm;
  let proxy: FaultProxy;
  /** A krb5.conf whose clients speak TCP to the proxy. */
  let tcpConfig: string;
  /** kinit's first request. */
  let request: Buffer;

  before(async () => {
    realm = await Realm.start({ users: { alice: 'wonderland', bob: 'builder' } });
    proxy = await FaultProxy.start(realm);
    tcpConfig = await realm.writeConfig({
      kdcs: [`127.0.0.1:${proxy.port}`],
      more: '[libdefaults]\n  udp_preference_limit = 1\n',
    });
    await login();
    request = proxy.log[0]?.bytes as Buffer;
  });
  beforeEach(async () => {
    proxy.reset();
    await proxy.use('pass');
  });
  after(async () => {
    await proxy.stop();
    await realm.stop();
  });

  const login = (config = proxy.config, password = 'wonderland') =>
    kinit(config, 'alice', password);

  for (const transport of ['udp', 'tcp'] as const) {
    it(`passes and counts messages over ${transport}`, async () => {
      equal((await login(transport === 'udp' ? proxy.config : tcpConfig)).code, 0);
      deepEqual(proxy.requests, { 'AS-REQ': 2, 'TGS-REQ': 0, other: 0 });
      deepEqual(proxy.replies, { 'AS-REP': 1, 'TGS-REP': 0, 'KRB-ERROR': 1, other: 0 });
      deepEqual(proxy.errors, [25]);
      equal(proxy.retransmissions, 0);
      deepEqual(new Set(proxy.log.map((request) => request.transport)), new Set([transport]));
    });
  }

  it('counts requests to the TGS', async () => {
    const script = 'kinit alice && kvno HTTP/localhost';
    const cache = { KRB5CCNAME: `FILE:${realm.folder}/proxy` };
    const input = 'wonderland\n';
    equal((await client(proxy.config, ['sh', '-c', script], input, cache)).code, 0);
    equal(proxy.requests['TGS-REQ'], 1);
    equal(proxy.replies['TGS-REP'], 1);
  });

  it('sees the wrong password', async () => {
    notEqual((await login(proxy.config, 'wrong')).code, 0);
    deepEqual(proxy.errors, [25, 24]);
  });

  const failures: [name: string, fault: Fault, stderr: RegExp][] = [
    ['resets', 'reset', /Cannot contact any KDC/],
    ['sends garbage', 'garbage', /Invalid message type/],
    ['truncates', 'truncated', /ASN\.1 encoding ended unexpectedly/],
    ['forges an error 12', { error: 12 }, /KDC policy rejects request/],
    ['forges an error 18', { error: 18 }, /credentials have been revoked/],
    ['forges an error 60', { error: 60 }, /Generic error/],
    ['forges an error with a big code', { error: 1_000_000 }, /kinit/],
    ['changes replies', { reply: () => Buffer.from('~') }, /kinit/],
  ];
  for (const [name, fault, stderr] of failures) {
    for (const transport of ['UDP', 'TCP']) {
      it(`${name} over ${transport}`, async () => {
        await proxy.use(fault);
        match((await login(transport === 'UDP' ? proxy.config : tcpConfig)).stderr, stderr);
      });
    }
  }

  for (const fault of ['drop', { reply: () => null }] as const) {
    it(`closes a TCP connection without a reply for ${fault === 'drop' ? fault : 'a reply of null'}`, async () => {
      await proxy.use(fault);
      equal((await exchange(proxy.port)).length, 0);
    });
  }

  it('swallows a datagram, and lets the next one pass', async () => {
    await proxy.use(({ n, again }) => (n === 1 && again === 0 ? 'silent' : 'pass'));
    const start = performance.now();
    equal((await login()).code, 0);
    ok(performance.now() - start >= SECOND_TRY - 10);
    deepEqual([proxy.requests['AS-REQ'], proxy.retransmissions], [2, 1]);
    deepEqual(
      proxy.log.map(({ n, again }) => [n, again]),
      [
        [1, 0],
        [1, 1],
        [2, 0],
      ],
    );
  });

  it('sends nothing over TCP while silent, and closes every connection when it stops', async () => {
    const other = await FaultProxy.start(realm);
    const { port } = other;
    await other.use('silent');
    const socket = connect(port, '127.0.0.1');
    socket.write(frame(request));
    while (other.log.length === 0) await sleep(1);
    equal(socket.readyState, 'open');
    await Promise.all([once(socket, 'close'), other.stop()]);
    await rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
  });

  it('delays replies', async () => {
    await proxy.use({ delay: 200 });
    const start = performance.now();
    equal((await login()).code, 0);
    ok(performance.now() - start >= 2 * 195);
  });

  it('duplicates replies, which does no harm', async () => {
    await proxy.use('duplicate');
    equal((await login()).code, 0);
  });

  it('swaps in the reply to another request, which libkrb5 notices', async () => {
    await login();
    await proxy.use(({ n }) => (n === 4 ? 'swapped' : 'pass'));
    match((await login()).stderr, /reply did not match expectations/);
  });

  it("swaps in another user's reply, which libkrb5 takes for a wrong password", async () => {
    await kinit(proxy.config, 'bob', 'builder');
    await proxy.use(({ n }) => (n === 4 ? 'swapped' : 'pass'));
    match((await login()).stderr, /Password incorrect/);
  });

  it('chooses a fault for each request', async () => {
    await proxy.use(({ n }) => (n === 2 ? { error: 12 } : 'pass'));
    match((await login()).stderr, /KDC policy rejects request/);
    equal(proxy.requests['AS-REQ'], 2);
  });

  it('closes its UDP port while it resets, and opens it again', async () => {
    await proxy.use('reset');
    const start = performance.now();
    await login();
    ok(performance.now() - start < SECOND_TRY, 'libkrb5 is told at once that nobody listens');
    equal(
      proxy.log.every(({ transport }) => transport === 'tcp'),
      true,
    );
    await proxy.use('pass');
    equal((await login()).code, 0);
  });

  it('goes on when its KDC is down', async () => {
    await realm.stopKdc();
    try {
      equal((await exchange(proxy.port)).length, 0);
    } finally {
      await realm.startKdc();
    }
    equal((await login()).code, 0);
  });

  it('forges an error that names the server of the request', () => {
    for (const code of [0, 29, 127, 128, 255, 32_768, -1]) {
      equal(errorCode(krbError(request, code)), code);
    }
    ok(krbError(request, 29).includes('krbtgt'));
  });

  /** The bytes that come back over TCP until the connection closes. */
  async function exchange(port: number): Promise<Buffer> {
    const socket = connect(port, '127.0.0.1');
    socket.write(frame(request));
    return Buffer.concat(await socket.toArray());
  }
});

function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}
